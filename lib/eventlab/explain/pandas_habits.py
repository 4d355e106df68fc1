"""Explains what works with lists, tables of pandas or numbers of Python, and not with Spark's DataFrames."""

import ast
import re

from eventlab.explain.edits import has_schema, python_correction, source_of
from eventlab.explain.explanation import Explain, Explanation
from eventlab.explain.expressions import PYTHONS_OWN
from eventlab.explain.failed_cell import FailedCell, close_matches
from eventlab.explain.fields import NO_NAME
from eventlab.explain.session import dataframes, functions_variable, is_dataframe, spark_function
from eventlab.explain.syntax_trees import called_name, literal
from eventlab.settings import Settings

SIMPLE = (int, float, str, type(None))


def column_is_assigned(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a DataFrame of Spark is never changed: `frame["n"] = 1` is for tables of pandas.

    Remedy: The line with `withColumn`.
    """
    if not cell.matches(r"^builtins\.TypeError: 'DataFrame' object does not support item assignment"):
        return None
    for node in cell.failed_nodes(ast.Assign):
        target = node.targets[0]
        if len(node.targets) > 1 or not isinstance(target, ast.Subscript):
            continue
        frame = target.value.id if isinstance(target.value, ast.Name) else ""
        if cell.text_of(target.slice) is None or not is_dataframe(cell.namespace.get(frame)):
            continue  # `frame[frame.n > 1] = 0` changes some rows
        if value := _as_column(cell, node.value, frame):
            line = f"{frame} = {frame}.withColumn({source_of(cell, target.slice)}, {value})"
            what = f"{frame} is a DataFrame of Spark, which is never changed. withColumn returns a new one."
            return python_correction(cell, node, line, what, str(cell.error))
    return None


def _as_column(cell: FailedCell, node: ast.expr, frame: str) -> str | None:
    """Return the code of a column for a value, or None for a list; `lit` leaves a column as it is."""
    value = cell.namespace.get(node.id, ...) if isinstance(node, ast.Name) else None
    is_single = isinstance(value, SIMPLE) or type(value).__name__ == "Column"
    if isinstance(node, ast.List | ast.Tuple | ast.Dict | ast.ListComp) or not is_single:
        return None
    code, used = source_of(cell, node), {item.id for item in ast.walk(node) if isinstance(item, ast.Name)}
    function = spark_function(cell, "lit")
    return code if {frame, functions_variable(cell)} & used else f"{function}({code})" if function else None


def value_is_no_column(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that `withColumn` needs a column, and got a value or a string.

    Remedy: The line with `F.lit`, with `F.expr` for an expression, or with `F.col` for the name of a column.
    """
    if not cell.matches(
        r"\[NOT_(EXPECTED_TYPE|COLUMN)\] Argument `col` should be (a )?Column, got (int|float|str|bool|NoneType)\b"
    ):
        return None
    for call in cell.failed_calls("withColumn"):
        if len(call.args) != 2 or _called(call.args[1]) in PYTHONS_OWN:  # `max("n")` may be meant for F.max
            continue
        function, effect = _function_for(cell, cell.text_of(call.args[1]) or "")
        what = f"The second argument of withColumn is a column. {function}() {effect}."
        if code := spark_function(cell, function):
            code = f"{code}({source_of(cell, call.args[1])})"
            return python_correction(cell, call.args[1], code, what, str(cell.error))
    return None


def _function_for(cell: FailedCell, text: str) -> tuple[str, str]:
    """Return the function of Spark that makes a column of a string or a value, and what it does."""
    frames = [frame for _, frame in dataframes(cell)]
    if any(text in frame.columns for frame in frames):
        return "col", "gives the column of this name"
    if NO_NAME.search(text) and any(has_schema(lambda frame=frame: frame.selectExpr(text)) for frame in frames):
        return "expr", "reads a string as an expression"
    return "lit", "makes a column of one value"


def _called(node: ast.expr) -> str:
    """Return the name of the function or method that an expression calls, or an empty string."""
    return called_name(node) if isinstance(node, ast.Call) else ""


def method_is_compared(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that `frame.count > 10` compares a method, because the parentheses are missing.

    Remedy: The line with parentheses.
    """
    if not cell.matches(
        r"^builtins\.TypeError: '[<>]=?' not supported between instances of .*'(method|function)'"
    ):
        return None
    for node in cell.failed_nodes(ast.Compare):
        for side in (node.left, *node.comparators):
            owner = side.value if isinstance(side, ast.Attribute) and side.attr == "count" else None
            if isinstance(owner, ast.Call) or is_dataframe(cell.value_of(owner)):
                what = "count is a method. It is called with parentheses: count()."
                return python_correction(cell, side, f"{source_of(cell, side)}()", what, str(cell.error))
    return None


def function_of_python_on_a_name(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that `select(max("Host"))` calls Python's function: it returns one letter of the name.

    Remedy: The line with Spark's function.
    """
    if not cell.has_condition("UNRESOLVED_COLUMN"):
        return None
    for call in cell.calls("max", "min"):
        text = literal(call.args[0]) if len(call.args) == 1 else None
        name = called_name(call)
        if not isinstance(text, str) or not isinstance(call.func, ast.Name) or name in cell.namespace:
            continue
        letter = {"max": max, "min": min}[name](text, default="")
        if name in PYTHONS_OWN and any(row.get("objectName") == f"`{letter}`" for row in cell.conditions.values()):
            what = f"{name}() is Python's own function: of {text!r} it returns the letter {letter!r}. "
            proof = f"Spark searched for a column {letter}"
            if function := spark_function(cell, name):
                what += f"Spark's function is {function}()."
                return python_correction(cell, call.func, function, what, proof)
    return None


def unknown_join_or_unit(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that Spark does not know a kind of join, or a unit of time in an interval. Name the nearest one.

    Remedy: The line with the nearest word.
    """
    join = re.search(r"Unsupported join type: '(\w+)'\. Supported join types include: (.*)", cell.text)
    interval = re.search(r"Unable to parse '(\d+ (\w+))'.*\binterval", cell.text)
    if join:
        given, word, known = join[1], join[1], re.findall(r"'(\w+)'", join[2])
        what, proof = f"Spark has no join {given!r}.", f"the kinds of joins are {', '.join(known)}"
    elif interval:
        given, word, known = interval[1], interval[2], ["second", "minute", "hour", "day", "week", "seconds"]
        known += ["minutes", "hours", "days", "weeks"]
        what, proof = f"Spark has no unit of time {word!r}.", "the units are second, minute, hour, day and week"
    else:
        return None
    for similar in close_matches(word, known)[:1]:
        new = given.removesuffix(word) + similar
        for node in cell.nodes(ast.Constant):
            if node.value == given:
                return python_correction(cell, node, f'"{new}"', f"{what} Did you mean {similar!r}?", proof)
    return None


EXPLANATIONS: list[Explain] = [
    column_is_assigned,
    value_is_no_column,
    method_is_compared,
    function_of_python_on_a_name,
    unknown_join_or_unit,
]
