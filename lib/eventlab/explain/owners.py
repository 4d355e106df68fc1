"""The objects whose methods a cell calls: DataFrames of Spark and pandas, or others with similar methods."""

import ast
import inspect
import sys
from collections.abc import Iterator
from types import ModuleType

from eventlab.explain.failed_cell import FailedCell
from eventlab.explain.syntax_trees import called_name, owner_of

OF_DATAFRAMES = ("where", "filter", "select", "withColumn", "agg", "join", "when", "orderBy", "sort", "groupBy")
RETURN_LISTS = ("collect", "take", "tail", "columns", "dtypes")
"""Methods and attributes of DataFrames whose value is a list."""
LIBRARIES = ("pyspark", "pandas")


def is_frame(cell: FailedCell, node: ast.expr) -> bool:
    """Return whether an expression is a DataFrame of Spark: a variable, or the result of a method of Spark."""
    return _class_of_spark(cell, node) == "DataFrame"


def _class_of_spark(cell: FailedCell, node: ast.expr) -> str:
    """Return the class of an expression's value, as pyspark annotates it; "" if it is not a class of Spark."""
    if isinstance(node, ast.Name):
        value = cell.namespace.get(node.id)
        return type(value).__name__ if type(value).__module__.startswith("pyspark.sql") else ""
    method = node.func if isinstance(node, ast.Call) else node
    owner = _class_of_spark(cell, method.value) if isinstance(method, ast.Attribute) else ""
    if not owner or not isinstance(method, ast.Attribute):
        return ""
    member = inspect.getattr_static(getattr(sys.modules["pyspark.sql"], owner, None), method.attr, None)
    is_property = isinstance(member, property)
    if is_property is isinstance(node, ast.Call):
        return ""
    kind = getattr(member.fget if is_property else member, "__annotations__", {}).get("return")
    return str(getattr(kind, "__name__", kind)).removeprefix("Parent")


def calls_of_frames(cell: FailedCell, *names: str) -> Iterator[ast.Call]:
    """Yield the cell's calls of methods of DataFrames, but not those of a list, a string or another object."""
    for call in cell.calls(*names):
        known = is_of_library(cell, call.func)
        may_be_other = owner_of(call) is None or any(hasattr(kind, called_name(call)) for kind in (list, str))
        if known or (known is None and not may_be_other):
            yield call


def is_of_library(cell: FailedCell, node: ast.expr) -> bool | None:
    """Return whether code begins with an object of Spark or pandas; None if this is not known."""
    is_item, is_own = False, isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
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
        return package in LIBRARIES or (False if is_own or package in sys.stdlib_module_names else None)
    kind = getattr(value, "__module__", None) if callable(value) else None
    kind = kind if isinstance(kind, str) and kind.startswith(LIBRARIES) else type(value).__module__
    if kind.startswith(LIBRARIES):
        return True
    return None if not is_own and (callable(value) or is_item or kind != "builtins") else False


def column_name(cell: FailedCell, node: ast.expr) -> str | None:
    """Return the name in the code of a column: `"time"`, `F.col("time")`, `frame.time` or `frame["time"]`."""
    if isinstance(node, ast.Call) and called_name(node) in ("col", "column") and len(node.args) == 1:
        node = node.args[0]
    if isinstance(node, ast.Attribute):
        return node.attr
    return cell.text_of(node.slice if isinstance(node, ast.Subscript) else node)
