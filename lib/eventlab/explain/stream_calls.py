"""Explains wrong calls when a stream is started: a trigger, a table without a name, a function of batches."""

import ast
import re

from eventlab.explain.edits import python_correction, source_of
from eventlab.explain.explanation import Explain, Explanation
from eventlab.explain.failed_cell import FailedCell
from eventlab.settings import Settings


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
        what = 'The memory sink writes a table, which needs a name. Read it with spark.table("rows_so_far").'
        proof = "Spark reports that the memory sink has no queryName"
        if isinstance(call.func, ast.Attribute):
            end = source_of(cell, call)[len(source_of(cell, call.func.value)) :].lstrip()
            last = ast.Name(id="", lineno=call.end_lineno or 0, end_lineno=call.end_lineno)
            last.end_col_offset = call.end_col_offset
            last.col_offset = (call.end_col_offset or 0) - len(end.encode())
            if "\n" not in end:
                return python_correction(cell, last, f'.queryName("rows_so_far"){end}', what, proof)
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


EXPLANATIONS: list[Explain] = [trigger_without_name, table_without_name, function_of_batches]
