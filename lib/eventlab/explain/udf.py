"""Explains errors of the learner's Python functions in Spark (UDFs)."""

import ast
import linecache
import re
from collections.abc import Iterator
from typing import Any

from eventlab.explain.edits import source_of
from eventlab.explain.explanation import Explain, Explanation
from eventlab.explain.failed_cell import FailedCell
from eventlab.explain.session import dataframes, is_dataframe
from eventlab.settings import Settings

FRAME = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+), in (?P<function>\w+)')
ROWS = 200
"""Rows in which the value that a function cannot handle is searched."""
SESSION_IN_UDF = (
    r"CONTEXT_ONLY_VALID_ON_DRIVER",
    r"could not serialize object|PicklingError|cannot pickle",
    r"SESSION_OR_CONTEXT_NOT_EXISTS",
    r"cloudpickle\.loads",
)


def spark_inside_udf(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a UDF uses the Spark session or a DataFrame, which exist only in the notebook.

    Remedy: A list of the small DataFrame's rows, or a join.
    """
    if not cell.matches(*SESSION_IN_UDF):
        return None
    for function, code in _functions(cell):
        for name in code.__code__.co_names:
            value = cell.namespace.get(name)
            module = type(value).__module__
            if not module.startswith("pyspark.sql") or type(value).__name__ not in ("SparkSession", "DataFrame"):
                continue
            kind = "the Spark session" if type(value).__name__ == "SparkSession" else "a DataFrame"
            what = (
                f"The function {function} uses {name}, {kind}. A UDF runs in Spark's own processes, one row at a "
            )
            what += "time, where neither sessions nor DataFrames exist."
            return Explanation(
                what,
                f"{name} is a {type(value).__name__} of this notebook, and the code of {function} names it",
                f"{name}_rows = {name}.collect()" if is_dataframe(value) else f"help({name}.range(1).join)",
                "Use a list in the function, or a join for all rows. To get the list of a small DataFrame, "
                "or to read about joins, run this",
            )
    return None


def udf_raised(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a UDF raised an error: its line in the learner's code, and a row for which it raises it.

    Remedy: A call of the function with that value, without Spark.
    """
    if not cell.matches(r"PythonException"):
        return None
    frames = [match for match in FRAME.finditer(cell.text) if "ipykernel_" in match["file"]]
    error = re.search(
        r"^(\w+(?:Error|Exception)\b.*)$", cell.text[frames[-1].end() :] if frames else "", re.MULTILINE
    )
    if not frames or not error:
        return None
    outer, inner = frames[0], frames[-1]
    line = linecache.getline(inner["file"], int(inner["line"])).strip()
    for function, code in _functions(cell):
        if code.__name__ != outer["function"]:
            continue
        what = f"The function {outer['function']} raised {error[1].strip()[:150]} for a row."
        proof = f"line {inner['line']} of its cell: {line}"
        for column, value in _values_of(cell, function):
            if type(_error_of(code, value)).__name__ != error[1].partition(":")[0]:
                continue
            return Explanation(
                what,
                f"{proof}; it raises it for {value!r:.80}, a value of the column {column}",
                f"{function}.func({value!r})"
                if hasattr(cell.namespace[function], "func")
                else f"{function}({value!r})",
                "Change the function so that it handles this value. To call it without Spark, run this",
            )
    return None


def _functions(cell: FailedCell) -> Iterator[tuple[str, Any]]:
    """Yield the UDFs that the cell uses: (variable, Python function)."""
    for name, value in cell.variables.items():
        function = getattr(value, "func", value)
        if hasattr(function, "__code__") and (hasattr(value, "returnType") or hasattr(value, "func")):
            yield name, function


def _values_of(cell: FailedCell, function: str) -> Iterator[tuple[str, Any]]:
    """Yield the first values of the column that the cell passes to a UDF with one argument: (column, value)."""
    for call in cell.calls(function):
        if len(call.args) != 1:
            continue
        argument = call.args[0]
        texts = [node.value for node in ast.walk(argument) if isinstance(node, ast.Constant)]
        name = next((text for text in texts if isinstance(text, str)), getattr(argument, "attr", ""))
        if not name or source_of(cell, argument).count("(") > 1:
            continue
        for _, frame in dataframes(cell):
            if name in frame.columns:
                yield from ((name, row[0]) for row in frame.select(f"`{name}`").distinct().limit(ROWS).collect())


def _error_of(function: Any, value: Any) -> Exception | None:
    """Call the function in this kernel and return the error that it raises."""
    try:
        function(value)
    except Exception as error:
        return error
    return None


EXPLANATIONS: list[Explain] = [spark_inside_udf, udf_raised]
