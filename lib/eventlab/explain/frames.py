"""Explains methods of a DataFrame or a column that are called on a column, a list of rows or a string."""

import ast

from eventlab.explain.edits import arguments_of, python_correction, source_of
from eventlab.explain.explanation import Explain, Explanation
from eventlab.explain.failed_cell import FailedCell
from eventlab.explain.owners import OF_DATAFRAMES, calls_of_frames
from eventlab.explain.session import is_dataframe, spark_function
from eventlab.explain.syntax_trees import called_name, owner_of
from eventlab.settings import Settings


def method_of_frame_on_column(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a column, such as `frame["Host"]`, has no method of a DataFrame, such as `show`.

    Remedy: The line with `select`.
    """
    if not cell.matches(r"^builtins\.TypeError: 'Column' object is not callable"):
        return None
    from pyspark.sql import Column, DataFrame

    for call in cell.failed_calls():
        column = owner_of(call)
        name = _column_of_frame(cell, column)
        method = called_name(call)
        if not isinstance(column, ast.Attribute | ast.Subscript) or not name or not hasattr(DataFrame, method):
            continue
        if not hasattr(Column, method):
            what = f"{source_of(cell, column)} is a column, and {method} is a method of a DataFrame. "
            what += "select() gives a DataFrame with this column."
            code = f'{source_of(cell, column.value)}.select("{name}")'
            proof = f"pyspark's DataFrame has {method}, and its Column has none"
            return python_correction(cell, column, code, what, proof)
    return None


def _column_of_frame(cell: FailedCell, node: ast.expr | None) -> str:
    """Return the name of the column in `frame.Host` or `frame["Host"]`, or an empty string for other code."""
    owner = node.value if isinstance(node, ast.Attribute | ast.Subscript) else None
    frame = cell.value_of(owner)
    name = getattr(node, "attr", None) or getattr(getattr(node, "slice", None), "value", None)
    return name if is_dataframe(frame) and isinstance(name, str) and name in frame.columns else ""


def method_of_frame_on_rows(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that `collect()` and `head(3)` return a list of rows, which has no method of a DataFrame.

    Remedy: The line without `collect()`, or with `limit`.
    """
    error = cell.error
    if not isinstance(error, AttributeError) or not isinstance(error.obj, list) or not error.name:
        return None
    from pyspark.sql import DataFrame, Row

    for node in cell.failed_attributes(error.name):
        rows, owner = node.value, owner_of(node.value)
        if not isinstance(rows, ast.Call) or owner is None:
            continue
        method, frame = called_name(rows), source_of(cell, owner)
        is_list = method in ("collect", "take") or (method == "head" and not rows.keywords)
        is_of_frame = is_dataframe(cell.namespace.get(frame.partition(".")[0]))
        are_rows = is_of_frame or any(isinstance(row, Row) for row in error.obj[:1])
        if not is_list or not are_rows or not hasattr(DataFrame, error.name):
            continue
        what = f"{method}() returns a list of rows, and {error.name} is a method of a DataFrame."
        code = frame if method == "collect" else f"{frame}.limit{arguments_of(cell, rows)}"
        return python_correction(cell, rows, code, what, str(error))
    return None


def field_with_the_name_of_a_method(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that `frame.item.name` is a method of the column, not the field `name` of the column `item`.

    Remedy: The line with the path in quotes.
    """
    if not cell.has_condition("NOT_EXPECTED_TYPE", "NOT_COLUMN_OR_STR"):
        return None
    from pyspark.sql import Column

    for node in [item for call in cell.failed_calls() for item in call.args]:
        column = node.value if isinstance(node, ast.Attribute) else None
        name = _column_of_frame(cell, column)
        if isinstance(node, ast.Attribute) and name and hasattr(Column, node.attr):
            what = f"{source_of(cell, node)} is a method of the column. For the field, write its path in quotes."
            return python_correction(
                cell, node, f'"{name}.{node.attr}"', what, str(cell.error).partition(" SQLS")[0]
            )
    return None


def method_of_column_on_text(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a name in quotes is a string of Python, which has no method of a column: `"value".cast("int")`.

    Remedy: The line with `F.col`.
    """
    error, column = cell.error, spark_function(cell, "col")
    if not isinstance(error, AttributeError) or not isinstance(error.obj, str) or not error.name or not column:
        return None
    from pyspark.sql import Column

    inside = {node for call in calls_of_frames(cell, *OF_DATAFRAMES) for node in ast.walk(call)}
    for node in cell.failed_attributes(error.name) if hasattr(Column, error.name) else ():
        if isinstance(node.value, ast.Constant) and node in inside:
            name = source_of(cell, node.value)
            what = f"{name} is a string of Python. The column of this name is {column}({name})."
            return python_correction(cell, node.value, f"{column}({name})", what, str(error))
    return None


def number_of_rows(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that `len(frame)` or `count()` of a list does not count rows.

    Remedy: The line with `count()` of the DataFrame, or with `len()` of the list.
    """
    if cell.matches(r"^builtins\.TypeError: list\.count\(\) takes exactly one argument \(0 given\)"):
        for call in cell.failed_calls("count"):
            rows = owner_of(call) or call
            what, code = "count() of a list needs a value, and counts how often it occurs.", source_of(cell, rows)
            if code.endswith(".collect()"):
                what += " collect() returns such a list; count() of the DataFrame counts its rows."
                return python_correction(cell, call, f"{code[:-10]}.count()", what, str(cell.error))
            return python_correction(cell, call, f"len({code})", f"{what} len() counts all.", str(cell.error))
    if cell.matches(r"^builtins\.TypeError: object of type 'DataFrame' has no len\(\)"):
        for call in [call for call in cell.failed_calls("len") if len(call.args) == 1]:
            what = "A DataFrame has no length for Python, because its rows are in Spark. count() counts them."
            code = f"{source_of(cell, call.args[0])}.count()"
            return python_correction(cell, call, code, what, str(cell.error))
    return None


EXPLANATIONS: list[Explain] = [
    method_of_frame_on_column,
    method_of_frame_on_rows,
    field_with_the_name_of_a_method,
    method_of_column_on_text,
    number_of_rows,
]
