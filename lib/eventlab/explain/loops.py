"""Explains loops over a DataFrame of Spark, and calls such as `sorted(frame)`: they get its columns."""

import ast
import builtins
import re
from collections.abc import Iterator

from eventlab.explain.edits import python_correction, source_of
from eventlab.explain.explanation import Explain, Explanation
from eventlab.explain.failed_cell import FailedCell
from eventlab.explain.owners import column_name, is_frame
from eventlab.explain.syntax_trees import called_name
from eventlab.settings import Settings

FIRST_ARGUMENT = ("sorted", "max", "min", "set", "dict")
SECOND_ARGUMENT = ("map", "filter", "reduce")
"""Functions of Python that go through the values of their first or second argument."""


def error_in_a_loop(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a loop over a DataFrame of Spark, or `sorted(frame)`, gets its columns, not its rows.

    Remedy: The line with `collect()`.
    """
    of_column = re.search(r"\bColumn\b|COLUMN_INTO_BOOL", str(cell.error))
    if not isinstance(cell.error, TypeError | ValueError) or not of_column:
        return None
    return next((box for needs_rows, box in [*_loops(cell), *_functions(cell)] if needs_rows), None)


def loop_shows_columns(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a loop over a DataFrame of Spark, or `list(map(str, frame))`, gets its columns, not its rows.

    Remedy: The line with `collect()`.
    """
    return next((box for _, box in [*_loops(cell), *_functions(cell)]), None)


def _loops(cell: FailedCell) -> Iterator[tuple[bool, Explanation | None]]:
    """Yield for each loop over a DataFrame whether it needs rows, and its explanation."""
    loops: list[ast.For | ast.comprehension] = cell.nodes(ast.For, ast.comprehension)
    for node in loops:
        rows = node.iter
        if isinstance(rows, ast.Call) and called_name(rows) == "enumerate" and rows.args:
            rows = rows.args[0]
        if is_frame(cell, rows):
            variables = {item.id for item in ast.walk(node.target) if isinstance(item, ast.Name)}
            is_unpacked = rows is node.iter and isinstance(node.target, ast.Tuple)
            yield is_unpacked or _are_rows(cell, variables), _with_rows(cell, rows, "A loop over")


def _functions(cell: FailedCell) -> Iterator[tuple[bool, Explanation | None]]:
    """Yield for each of Python's functions on a DataFrame whether its statement failed, and its explanation."""
    statements = cell.failed_nodes(ast.stmt)
    innermost = statements[-1:] if cell.place else statements  # a block has other statements, too
    failed = {node for statement in innermost for node in ast.walk(statement)}
    for call in cell.calls(*FIRST_ARGUMENT, *SECOND_ARGUMENT):
        name = called_name(call)
        position = 1 if name in SECOND_ARGUMENT else 0
        rows = call.args[position] if len(call.args) > position else None
        own = getattr(builtins, name, None)  # functions of Spark, such as max, may be imported by name
        is_of_python = name == "reduce" or (
            isinstance(call.func, ast.Name) and cell.namespace.get(name, own) is own
        )
        if rows is None or not is_of_python or not is_frame(cell, rows):
            continue
        frame = cell.namespace.get(source_of(cell, rows))
        if name == "dict" and len(getattr(frame, "columns", ())) != 2:
            continue  # a dictionary is made of pairs
        yield call in failed, _with_rows(cell, rows, f"{name}() of")


def _with_rows(cell: FailedCell, rows: ast.expr, begin: str) -> Explanation | None:
    """Explain with the line that gets the rows of a DataFrame."""
    frame = source_of(cell, rows)
    what = f"{begin} the DataFrame {frame} gets its columns. Its rows are in Spark, and collect() gets them."
    proof = f"the class of {frame} is pyspark's DataFrame"
    return python_correction(cell, rows, f"{frame}.collect()", what, proof)


def _are_rows(cell: FailedCell, variables: set[str]) -> bool:
    """Return whether the cell uses one of the variables like a row: `row["price"]`, or `row.price`."""
    from pyspark.sql import Column

    fields: list[ast.Subscript | ast.Attribute] = cell.nodes(ast.Subscript, ast.Attribute)
    for node in fields:
        if getattr(node.value, "id", None) in variables:
            name = column_name(cell, node)
            if name and (isinstance(node, ast.Subscript) or not hasattr(Column, name)):
                return True
    return False


EXPLANATIONS: list[Explain] = [error_in_a_loop]
