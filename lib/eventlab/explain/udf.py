"""Explains errors of the learner's Python functions in Spark (UDFs)."""

import ast
import builtins
import contextlib
import inspect
import linecache
import re
import textwrap
from collections.abc import Iterator
from typing import Any

from eventlab.explain.explanation import Explain, Explanation
from eventlab.explain.failed_cell import FailedCell, global_names
from eventlab.explain.owners import column_name
from eventlab.explain.pure import error_of, is_pure
from eventlab.explain.session import dataframes, is_dataframe
from eventlab.explain.syntax_trees import python_tree
from eventlab.settings import Settings

FRAME = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+), in (?P<function>[\w<>]+)')
ERROR = re.compile(r"^((?:\w+\.)*\w+(?:Error|Exception|Iteration|Interrupt)\b.*)$", re.MULTILINE)
ROWS = 200
"""Rows in which the values that a function cannot handle are searched."""
SESSION_IN_UDF = (
    r"CONTEXT_ONLY_VALID_ON_DRIVER",
    r"could not serialize object|PicklingError|cannot pickle",
    r"SESSION_OR_CONTEXT_NOT_EXISTS",
    r"cloudpickle\.loads",
)


def spark_inside_udf(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a UDF uses the Spark session or a DataFrame, which exist only in the notebook.

    Remedy: A list of the small DataFrame's rows, or a line that shows the tables for a join.
    """
    if not cell.matches(*SESSION_IN_UDF):
        return None
    for function, code in _functions(cell):
        for name in global_names(code.__code__):
            value = cell.namespace.get(name)
            module = type(value).__module__
            if not module.startswith("pyspark.sql") or type(value).__name__ not in ("SparkSession", "DataFrame"):
                continue
            kind = "the Spark session" if type(value).__name__ == "SparkSession" else "a DataFrame"
            what = f"The function {function} uses {name}, {kind}. A UDF runs in Spark's own processes, "
            what += "one row at a time, where neither sessions nor DataFrames exist."
            proof = f"{name} is a {type(value).__name__} of this notebook, and the code of {function} names it"
            if expression := constant_expression(code, name):
                new = f"{function}_value"
                instruction = "Its value is the same for all rows. "
                instruction += f"Run this, then write {new} for {expression} in the function"
                return Explanation(what, proof, f"{new} = {expression}", instruction)
            if is_dataframe(value):
                column = value.columns[0] if value.columns else ""
                rows = f"[row for row in {name}_rows if row[{column!r}] == ...]"
                instruction = f"Run this (if {name} is small), then use the list in the function, "
                instruction += f"for example {rows}. If {name} is large, use a join instead of the function"
                return Explanation(what, proof, f"{name}_rows = {name}.collect()", instruction)
            return Explanation(
                what,
                proof,
                f"{name}.catalog.listTables()",
                f"Remove {name} from the function, and join the DataFrames instead. To see the tables, run this",
            )
    return None


def constant_expression(function: Any, name: str) -> str | None:
    """Return the longest expression in a function that begins with a name and uses nothing of the function's own.

    Such an expression has the same value for all rows: `spark.range(3).count()`.
    """
    source = _source_of(function)
    tree = python_tree(source)
    own = set(function.__code__.co_varnames)
    found = []
    for node in ast.walk(tree):
        root: Any = node
        while isinstance(root, ast.Call | ast.Attribute | ast.Subscript):
            root = root.func if isinstance(root, ast.Call) else root.value
        names = {item.id for item in ast.walk(node) if isinstance(item, ast.Name)}
        if isinstance(node, ast.Call) and isinstance(root, ast.Name) and root.id == name and not names & own:
            found.append(ast.get_source_segment(source, node) or "")
    uses = sum(isinstance(node, ast.Name) and node.id == name for node in ast.walk(tree))
    return max(found, key=len) if found and uses == 1 else None


def udf_raised(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a UDF raised an error: its line in the learner's code, and a row for which it raises it.

    Remedy: The function with a guard for such values; or, if it fails for every row, a call without Spark.
    """
    if not cell.matches(r"PythonException"):
        return None
    frames = [match for match in FRAME.finditer(cell.text) if "ipykernel_" in match["file"]]
    error = ERROR.search(cell.text, frames[-1].end()) if frames else None
    if not frames or not error:
        return None
    outer, inner = frames[0], frames[-1]
    function, code = next(
        (
            (name, code)
            for name, code in _functions(cell)
            if code.__code__.co_filename == outer["file"] and code.__name__ == outer["function"]
        ),
        (outer["function"], None),
    )
    what = f"The function {function} raised {error[1].strip()[:150]} for a row."
    proof = f"line {inner['line']} of its cell: {linecache.getline(inner['file'], int(inner['line'])).strip()}"
    kind = error[1].partition(":")[0].rpartition(".")[2]
    if explanation := _with_a_row(cell, function, code, kind, what, proof):
        return explanation
    frame = next((name for name, _ in dataframes(cell)), None)
    if frame is None:
        tables = [name for _, text in cell.strings() for name in re.findall(r"\bfrom\s+`?([\w.]+)", text, re.I)]
        frame = f"spark.table({tables[0]!r})" if tables and "spark" in cell.namespace else None
    instruction = "Change the function so that it handles every row, for example None. To see some rows, run this"
    return Explanation(what, proof, f"{frame}.show(5)", instruction) if frame else None


def _with_a_row(
    cell: FailedCell, function: str, code: Any, kind: str, what: str, proof: str
) -> Explanation | None:
    """Explain with a row for which the function raises the same error; None if there is no such row.

    Args:
        cell: The cell.
        function: The name of the UDF.
        code: The function that runs for a row, or None if it is not known.
        kind: The class of the error.
        what: What happened.
        proof: How this is known.
    """
    if code is None or not _gets_single_values(cell, function) or not is_pure(code):
        return None
    rows = list(_rows_of(cell, function))
    errors = [error_of(code, values) for _, values in rows]
    if kind not in errors:
        return None
    columns, values = rows[errors.index(kind)]
    shown = ", ".join(f"{value!r:.80}" for value in values)
    places = "a value of the column" if len(columns) == 1 else "values of the columns"
    proof = f"{proof}; it raises it for {shown}, {places} {', '.join(columns)}"
    guarded = guarded_source(code, values, kind) if None in errors else None  # else the function is wrong
    if guarded:
        instruction = "With this, the result for such a value is NULL. "
        return Explanation(what, proof, guarded, f"{instruction}To fix it so, run this, then run the cell again")
    plain = f"{function}.func" if hasattr(cell.namespace[function], "func") else function
    call = f"{plain}({', '.join(map(repr, values))})"
    instruction = "Change the function so that it handles this. To call it without Spark, run this"
    return Explanation(what, proof, call, instruction)


def guarded_source(function: Any, values: tuple[Any, ...], kind: str) -> str | None:
    """Return the source of a function that returns None for a value that is None, or where it raises the error.

    Args:
        function: The function.
        values: Its arguments in the row for which it raises the error.
        kind: The class of the error.
    """
    source = _source_of(function)
    node = next(iter(python_tree(source).body), None)
    if not isinstance(node, ast.FunctionDef) or node.body[0].lineno == node.lineno or not source.isascii():
        return None
    lines = source.rstrip().split("\n")
    first = node.body[0].lineno - 1
    head, body = lines[:first], lines[first:]
    space = " " * node.body[0].col_offset
    names = [argument.arg for argument, value in zip(node.args.args, values, strict=False) if value is None]
    if names:
        condition = " or ".join(f"{name} is None" for name in names)
        return "\n".join([*head, f"{space}if {condition}:", f"{space}    return None", *body])
    if not hasattr(builtins, kind) or '"""' in source or "'''" in source:
        return None
    tried = [f"    {line}" if line.strip() else line for line in body]
    return "\n".join([*head, f"{space}try:", *tried, f"{space}except {kind}:", f"{space}    return None"])


def _source_of(function: Any) -> str:
    """Return the source of a function without indentation, or "" when there is none."""
    with contextlib.suppress(OSError, TypeError, SyntaxError):
        return textwrap.dedent(inspect.getsource(function))
    return ""


def _functions(cell: FailedCell) -> Iterator[tuple[str, Any]]:
    """Yield the UDFs that the cell uses, by variable or in SQL: (name, Python function)."""
    words = {word for _, text in cell.strings() for word in re.findall(r"(\w+)\s*\(", text)}
    registered = {name: value for name, value in list(cell.namespace.items()) if name in words}
    for name, value in (cell.variables | registered).items():
        function = getattr(value, "func", value)
        if hasattr(function, "__code__") and (hasattr(value, "returnType") or hasattr(value, "func")):
            yield name, function
    for name in words - registered.keys():
        if function := _registered(cell, name):
            yield name, function


def _registered(cell: FailedCell, name: str) -> Any:
    """Return the function that the notebook registered for SQL under this name, or None."""
    pattern = rf"\.register\(\s*[\"']{re.escape(name)}[\"']\s*,\s*(\w+)"
    for source in [cell.source, *reversed(cell.history)]:
        if match := re.search(pattern, source):
            value = cell.namespace.get(match[1])
            function = getattr(value, "func", value)
            return function if hasattr(function, "__code__") else None
    return None


def _rows_of(cell: FailedCell, function: str) -> Iterator[tuple[list[str], tuple[Any, ...]]]:
    """Yield the first values of the columns that the cell passes to a UDF: (columns, values)."""
    for call in cell.calls(function):
        columns = [column_name(cell, argument) for argument in call.args]
        names = [name for name in columns if name]
        if not names or len(names) != len(columns):
            continue
        for _, frame in dataframes(cell):
            if set(names) <= set(frame.columns):
                selected = frame.select(*(f"`{name}`" for name in names)).distinct().limit(ROWS)
                yield from ((names, tuple(row)) for row in selected.collect())


def _gets_single_values(cell: FailedCell, function: str) -> bool:
    """Return whether Spark calls the function for each row; a pandas UDF gets a whole column."""
    return getattr(cell.namespace.get(function), "evalType", None) in (100, 101)  # SQL_(ARROW_)BATCHED_UDF


EXPLANATIONS: list[Explain] = [spark_inside_udf, udf_raised]
