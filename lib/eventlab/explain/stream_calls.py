"""Explains wrong calls when a stream is started: a trigger, a table without a name, a function of batches."""

import ast
import re
from typing import Any

from eventlab.explain.checkpoints import free_folder
from eventlab.explain.edits import end_of, python_correction, source_of, statement_correction
from eventlab.explain.explanation import Explain, Explanation
from eventlab.explain.failed_cell import FailedCell
from eventlab.explain.session import session_of, session_variable
from eventlab.explain.syntax_trees import owner_of
from eventlab.settings import Settings

FILES = ("parquet", "json", "csv", "orc", "text")
"""Formats of files, and the methods of writers for them."""


def trigger_without_name(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that the argument of `trigger` has a name, such as `processingTime`.

    Remedy: The line with `processingTime=`.
    """
    if not cell.matches(r"^builtins\.TypeError: DataStreamWriter\.trigger\(\) takes 1 positional argument"):
        return None
    for call in cell.failed_calls("trigger"):
        if len(call.args) == 1 and re.fullmatch(r"\d+ \w+", cell.text_of(call.args[0]) or ""):
            what = "The argument of trigger needs its name: processingTime is the time from batch to batch."
            code = f"processingTime={source_of(cell, call.args[0])}"
            return python_correction(cell, call.args[0], code, what, str(cell.error))
    return None


def table_without_name(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that the memory sink writes a table, which needs a name.

    Remedy: The line with `queryName`.
    """
    if not cell.matches(r"queryName must be specified for memory sink"):
        return None
    for call in cell.failed_calls("start", "toTable"):
        table = free_table("rows_so_far", session_of(cell))
        what = f'The memory sink writes a table, which needs a name. Read it with spark.table("{table}").'
        proof = "Spark reports that the memory sink has no queryName"
        if writer := owner_of(call):
            end = source_of(cell, call)[len(source_of(cell, writer)) :].lstrip()
            if "\n" not in end:
                return python_correction(cell, end_of(call, end), f'.queryName("{table}"){end}', what, proof)
    return None


def function_of_batches(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that the function of `foreachBatch` gets two arguments: the rows of a batch, and its number.

    Remedy: The first line of the function, with two arguments.
    """
    match = re.search(r"TypeError: (\w+)\(\) takes (\d) positional arguments? but 2 were given", cell.text)
    given = [call.args[0] for call in cell.calls("foreachBatch") if call.args]
    if not match or match[1] not in [node.id for node in given if isinstance(node, ast.Name)]:
        return None
    function = cell.namespace.get(match[1])
    code = getattr(function, "__code__", None)
    if code is None or code.co_argcount != int(match[2]):
        return None
    rows = code.co_varnames[0] if code.co_argcount else "rows"
    return Explanation(
        "The function of foreachBatch gets two arguments: the rows of a batch, and the number of the batch.",
        f"{match[1]} takes {match[2]}; {match[0]}",
        f"def {match[1]}({rows}, number):",
        "Write the first line of the function in this way, and run its cell and this one again",
    )


def free_table(name: str, session: Any) -> str:
    """Return a name for the table of a query; with a number, if a query of the session has the name already."""
    running = {query.name for query in session.streams.active} if session else set()
    return next(free for free in (name, *(f"{name}{n}" for n in range(2, 1000))) if free not in running)


def written_to_files(cell: FailedCell, settings: Settings) -> str | None:
    """Return the code that writes a stream as the cell writes a table, `frame.write.parquet(path)`, or None."""
    for call in cell.failed_calls(*FILES, "save"):
        frame, _, chain = source_of(cell, call.func).partition(".write.")
        chain, _, kind = f".{chain}".rpartition(".")
        chain = re.sub(r"\.mode\([^()]*\)", "", chain)  # the sink of files only appends
        is_known = ".format(" in chain if kind == "save" else "format(" not in chain
        if frame and is_known and len(call.args) == 1 and not call.keywords and call.lineno == call.end_lineno:
            format_call = "" if kind == "save" else f'.format("{kind}")'
            checkpoint = free_folder("/tmp/checkpoint_", settings)
            options = f'{format_call}{chain}.option("checkpointLocation", "{checkpoint}")'
            return f"{frame}.writeStream{options}.start({source_of(cell, call.args[0])})"
    return None


def writer_not_started(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a writer is no query: `start()` is missing, which starts the query and returns it.

    Remedy: The statement with `start()`.
    """
    if not isinstance(cell.error, AttributeError) or type(cell.error.obj).__name__ != "DataStreamWriter":
        return None
    wanted = str(cell.error.name)
    from pyspark.sql.streaming import StreamingQuery

    names = [name for name, value in cell.variables.items() if value is cell.error.obj]
    for name in names if hasattr(StreamingQuery, wanted) else ():
        if (statement := cell.assignment_of(name)) and ".start(" not in statement:
            fixed = f"{statement}.start()"
            what = f"{name} only describes how to write the stream. start() starts the query, and returns it."
            return statement_correction(cell, statement, fixed, what, f"{name} is a DataStreamWriter")
    return None


def query_is_no_table(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a query is no table: the sink `memory` writes its rows to a table.

    Remedy: The line with the table.
    """
    if not isinstance(cell.error, AttributeError) or type(cell.error.obj).__name__ != "StreamingQuery":
        return None
    wanted = str(cell.error.name)
    from pyspark.sql import DataFrame

    for node in cell.failed_attributes(wanted) if hasattr(DataFrame, wanted) else ():
        table, code = getattr(cell.error.obj, "name", None), source_of(cell, node.value)
        session = session_of(cell)
        if table and session is not None and session.catalog.tableExists(table):
            what = f"{code} is a streaming query, not a table. Its rows are in the table {table!r}."
            new = f'{session_variable(cell) or "spark"}.table("{table}")'
            return python_correction(cell, node.value, new, what, f"the session has a table {table!r}")
    return None


EXPLANATIONS: list[Explain] = [
    trigger_without_name,
    table_without_name,
    function_of_batches,
    writer_not_started,
    query_is_no_table,
]
