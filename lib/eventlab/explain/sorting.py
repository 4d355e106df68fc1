"""Explains a wrong argument for the order of a sort: it is `ascending` in Spark and pandas, `reverse` in Python.

Spark ignores an argument of another name. So a cell without an error is examined too, if it has such an argument.
"""

import ast
import re

from eventlab.explain.edits import python_correction, source_of
from eventlab.explain.explanation import Explain, Explanation
from eventlab.explain.failed_cell import FailedCell
from eventlab.explain.owners import is_frame
from eventlab.explain.syntax_trees import called_name, literal, owner_of
from eventlab.settings import Settings

OF_SPARK = ("orderBy", "sort", "sortWithinPartitions")
OF_PANDAS = ("sort_values", "sort_index", "value_counts")
OF_PYTHON = ("sorted", "sort")
ORDERS = re.compile(r"(desc|asc|revers)\w*", re.IGNORECASE)
"""Names of an argument that mean the order: from the largest value down, or from the smallest value up."""

INVALID = r"^'(?P<name>\w+)' is an invalid keyword argument for sort\(\)"
"""Python's message for `sorted` and for the method `sort` of a list."""


def order_is_ignored(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that Spark ignores `orderBy("price", descending=True)`: the argument is `ascending`.

    Remedy: The line with `ascending`.
    """
    for call in cell.calls(*OF_SPARK) if cell.error is None else ():
        given = [keyword for keyword in call.keywords if keyword.arg and ORDERS.fullmatch(keyword.arg)]
        if len(given) != 1 or given[0].arg == "ascending":
            continue
        if all(flag == _is_up(given[0]) for flag in _flags(cell, given[0])):
            continue  # the order that Spark has used
        owner = owner_of(call)
        if owner is None or not is_frame(cell, owner):
            continue
        if any(_has_order(cell, column) for column in call.args):
            continue
        name = called_name(call)
        what = f"{name} has no argument {given[0].arg}, and Spark has ignored it: the smallest value is first. "
        what += "The argument for the order is ascending."
        proof = f"{name} reads one argument that is passed by its name: ascending"
        if code := _with_name(cell, given[0], "ascending"):
            return python_correction(cell, given[0], code, what, proof)
    return None


def unknown_order(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that the argument for the order is `reverse` in Python's `sorted`, and `ascending` in pandas.

    Remedy: The line with the right argument.
    """
    of_python = re.search(INVALID, str(cell.error))
    match = of_python or re.search(r"got an unexpected keyword argument '(?P<name>\w+)'", str(cell.error))
    name = match["name"] if match else ""
    if not isinstance(cell.error, TypeError) or not match:
        return None
    for call in cell.failed_calls(*OF_PYTHON, *OF_PANDAS):
        new, methods = ("reverse", OF_PYTHON) if of_python else ("ascending", OF_PANDAS)
        if called_name(call) not in methods or any(keyword.arg == new for keyword in call.keywords):
            continue
        for keyword in (item for item in call.keywords if item.arg == name and ORDERS.fullmatch(name)):
            if code := _with_name(cell, keyword, new):
                what = f"{called_name(call)} has no argument {name!r}. The argument for the order is {new}."
                return python_correction(cell, keyword, code, what, f"Python reports: {cell.error}")
    return None


def _with_name(cell: FailedCell, keyword: ast.keyword, name: str) -> str:
    """Return the argument under another name with the same order, or "" where its values are not known."""
    value, flags = keyword.value, _flags(cell, keyword)
    if not flags:
        return ""
    if _is_up(keyword) is (name == "ascending"):
        return f"{name}={source_of(cell, value)}"
    if isinstance(value, ast.Name):
        return f"{name}=not {value.id}"
    opposite = [not flag for flag in flags]
    return f"{name}={opposite if isinstance(value, ast.List) else opposite[0]}"


def _flags(cell: FailedCell, keyword: ast.keyword) -> list[bool]:
    """Return the values of an argument: one, or those of a list; none if one of them is not True or False."""
    value = keyword.value
    if isinstance(value, ast.Name):
        flags = [cell.namespace.get(value.id)]
    else:
        items = value.elts if isinstance(value, ast.List) else [value]
        flags = list(map(literal, items))
    return [flag for flag in flags if isinstance(flag, bool)] if all(isinstance(f, bool) for f in flags) else []


def _has_order(cell: FailedCell, column: ast.expr) -> bool:
    """Return whether a column of a sort may have an order of its own: `F.desc("price")`, or a variable with it."""
    is_variable = isinstance(column, ast.Name) and cell.text_of(column) is None
    return is_variable or "desc" in source_of(cell, column)


def _is_up(keyword: ast.keyword) -> bool:
    """Return whether the name of an argument means that the smallest value is first."""
    return str(keyword.arg).lower().startswith("asc")


EXPLANATIONS: list[Explain] = [order_is_ignored, unknown_order]
