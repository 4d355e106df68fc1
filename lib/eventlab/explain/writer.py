"""Explains mistakes with readers and writers, such as `frame.write.overwrite()` or `frame.mode("append")`."""

import ast
import re
from pathlib import PurePosixPath

from eventlab.explain.edits import arguments_of, python_correction, source_of
from eventlab.explain.explanation import Explain, Explanation
from eventlab.explain.failed_cell import FailedCell, close_matches
from eventlab.explain.session import is_dataframe
from eventlab.explain.syntax_trees import called_name, literal, owner_of
from eventlab.explain.values import FORMATS
from eventlab.settings import Settings

MODES = ("append", "overwrite", "ignore", "error", "errorifexists")
METHODS = {"": "parquet", "parquet": "parquet", "json": "json", "csv": "csv", "orc": "orc", "txt": "text"}
"""The endings of files, and the methods of readers and writers for them."""

TAKE_TEXTS = dict.fromkeys(("parquet", "load", "text", "orc", "csv", "json"), "the path of files")
TAKE_TEXTS |= {"table": "the name of a table", "sql": "a query"}
"""Methods that make a DataFrame, and what they take."""
NO_NAME_OF_TABLE = r"NOT_EXPECTED_TYPE\] Argument `tableName`"


def method_of_writer(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that the writer has a method of that name, and the DataFrame has none.

    Remedy: The line with the method after `write`.
    """
    if not cell.matches(r"^builtins\.TypeError: 'Column' object is not callable"):
        return None
    from pyspark.sql import DataFrame, DataFrameWriter

    for node in [node for node in cell.nodes(ast.Attribute) if node.attr == "write"]:
        call, frame = node.value, owner_of(node.value)
        if not isinstance(call, ast.Call) or frame is None or not cell.failed_in(call):
            continue
        name = called_name(call)
        if hasattr(DataFrameWriter, name) and not hasattr(DataFrame, name):
            what = f"{name} is a method of the writer, so it follows write."
            proof = f"pyspark's DataFrameWriter has {name}, and its DataFrame has none"
            code = f"{source_of(cell, frame)}.write.{name}{arguments_of(cell, call)}"
            return python_correction(cell, node, code, what, proof)
    return None


def reader_or_writer_is_no_method(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that `read` and `write` have no parentheses: the format follows them.

    Remedy: The line without them, or with the method of the format.
    """
    if not cell.matches(
        r"^builtins\.TypeError: 'Data(FrameReader|StreamReader|FrameWriter)' object is not callable"
    ):
        return None
    for call in cell.failed_calls("read", "readStream", "write"):
        name, code = called_name(call), source_of(cell, call.func)
        what = f"{name} is not a method: write it without parentheses."
        if call.args or call.keywords:
            what = f"{name} is not a method. The format follows it, for example {name}.parquet(...)."
            if not (method := method_for(call)):
                return None
            code += f".{method}({source_of(cell, call.args[0])})"
        return python_correction(cell, call, code, what, f"Python called what {name} returns")
    return None


def method_for(call: ast.Call) -> str | None:
    """Return the method of a reader or a writer that takes a call's only argument: a format, a mode or a path."""
    value = literal(call.args[0]) if len(call.args) == 1 else None
    if call.keywords or not isinstance(value, str):
        return None
    if value in (*FORMATS, "delta", "avro"):
        return "format"
    if value in MODES:
        return "mode" if called_name(call) in ("write", "writeStream") else None
    ending = PurePosixPath(value).suffix.removeprefix(".")
    return METHODS.get(ending) if "/" in value else None  # a word without a slash is not a path


def mode_of_writer(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that what happens to existing files is an argument of `mode`, a string.

    Remedy: The line with the mode.
    """
    proof = f"the modes are {', '.join(MODES[:4])}"
    error = cell.error
    if isinstance(error, AttributeError) and type(error.obj).__name__ == "DataFrameWriter" and error.name in MODES:
        for call, writer in [(call, owner) for call in cell.calls(error.name) if (owner := owner_of(call))]:
            what = f"A writer has no method {error.name}. This is a mode."
            code = f'{source_of(cell, writer)}.mode("{error.name}")'
            if call.args or call.keywords:  # a path, which a method of the format takes
                if not (method := method_for(call)):
                    return None
                code += f".{method}({source_of(cell, call.args[0])})"
            return python_correction(cell, call, code, what, proof)
    for call in cell.calls("mode") if cell.has_condition("UNSUPPORTED_OPERATION") else ():
        word = literal(call.args[0]) if call.args else ""
        for similar in close_matches(str(word), MODES)[:1] if word not in MODES else ():
            what = f"A writer has no mode {word!r}. Did you mean {similar!r}?"
            return python_correction(cell, call.args[0], f'"{similar}"', what, proof)
    return None


def frame_for_a_path(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a DataFrame stands where a path, the name of a table or a query is needed.

    Remedy: The line with the DataFrame itself.
    """
    calls = list(cell.calls("csv", "json")) if cell.has_condition("DATAFRAME_INPUT_NOT_SINGLE_COLUMN") else []
    if cell.matches(
        r"^builtins\.AssertionError: *$", r"^builtins\.TypeError: bad argument type", NO_NAME_OF_TABLE
    ):
        calls += cell.failed_calls(*TAKE_TEXTS)
    for call in calls:
        frame = call.args[0] if len(call.args) == 1 else None
        if not isinstance(frame, ast.Name) or not is_dataframe(cell.namespace.get(frame.id)):
            continue
        function = source_of(cell, call.func)
        if not re.search(r"\.read\b", function) and called_name(call) not in ("table", "sql"):
            continue
        what = f"{frame.id} is a DataFrame already. {called_name(call)}() makes one: it takes "
        what += f"{TAKE_TEXTS[called_name(call)]}, a string."
        proof = f"the variable {frame.id} has a DataFrame, and Python reports: {type(cell.error).__name__}"
        return python_correction(cell, call, frame.id, what, proof)
    return None


EXPLANATIONS: list[Explain] = [
    method_of_writer,
    reader_or_writer_is_no_method,
    mode_of_writer,
    frame_for_a_path,
]
