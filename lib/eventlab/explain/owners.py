"""The objects whose methods a cell calls: DataFrames of Spark and pandas, or others with similar methods."""

import ast
import sys
from collections.abc import Iterator
from types import ModuleType

from eventlab.explain.failed_cell import FailedCell, called_name
from eventlab.explain.session import is_dataframe

OF_DATAFRAMES = ("where", "filter", "select", "withColumn", "agg", "join", "when", "orderBy", "sort", "groupBy")
RETURN_FRAMES = {*OF_DATAFRAMES, "limit", "distinct", "drop", "toDF"} - {"when", "groupBy"}
"""Methods of DataFrames that return a DataFrame."""
RETURN_LISTS = ("collect", "take", "tail", "columns", "dtypes")
"""Methods and attributes of DataFrames whose value is a list."""
LIBRARIES = ("pyspark", "pandas")


def is_frame(cell: FailedCell, node: ast.expr) -> bool:
    """Return whether code is a variable with a DataFrame, or such a variable with methods that return one."""
    while (
        isinstance(node, ast.Call) and called_name(node) in RETURN_FRAMES and isinstance(node.func, ast.Attribute)
    ):
        node = node.func.value
    return isinstance(node, ast.Name) and is_dataframe(cell.namespace.get(node.id))


def calls_of_frames(cell: FailedCell, *names: str) -> Iterator[ast.Call]:
    """Yield the cell's calls of methods of DataFrames, but not those of a list or a string."""
    for call in cell.calls(*names):
        known = is_of_library(cell, call.func)
        is_only_of_frames = not hasattr(list, called_name(call)) and not hasattr(str, called_name(call))
        if known or (known is None and is_only_of_frames):
            yield call


def is_of_library(cell: FailedCell, node: ast.expr) -> bool | None:
    """Return whether code begins with an object of Spark or pandas; None if this is not known."""
    is_item = False
    while isinstance(node, ast.Call | ast.Attribute | ast.Subscript):
        if isinstance(node, ast.Attribute) and node.attr in RETURN_LISTS:
            return False
        is_item |= isinstance(node, ast.Subscript)
        node = node.func if isinstance(node, ast.Call) else node.value
    if not isinstance(node, ast.Name):
        return False  # a literal: `", ".join(names)`
    if node.id not in cell.namespace:
        return None
    value = cell.namespace[node.id]
    if isinstance(value, ModuleType):
        package = value.__name__.partition(".")[0]
        return package in LIBRARIES or (None if package not in sys.stdlib_module_names else False)
    kind = getattr(value, "__module__", None) if callable(value) else None
    kind = kind if isinstance(kind, str) and kind.startswith(LIBRARIES) else type(value).__module__
    if kind.startswith(LIBRARIES):
        return True
    return None if callable(value) or is_item or kind != "builtins" else False
