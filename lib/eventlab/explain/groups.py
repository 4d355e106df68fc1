"""Explains methods after `groupBy` that need rows: there are none until something is calculated for each group."""

import ast
import re
from typing import Any

from eventlab.explain.edits import python_correction, source_of
from eventlab.explain.explanation import Explain, Explanation
from eventlab.explain.failed_cell import FailedCell
from eventlab.explain.owners import column_name
from eventlab.explain.pandas_frames import AGGREGATES
from eventlab.explain.syntax_trees import called_name, owner_of
from eventlab.settings import Settings

PROOF = "the methods that give rows are agg, avg, count, max, min and sum"


def method_of_groups(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a DataFrame after `groupBy` has groups and no rows, so no `show` or `orderBy`.

    Remedy: The line with `count()`.
    """
    error = cell.error
    if not isinstance(error, AttributeError) or type(error.obj).__name__ != "GroupedData" or not error.name:
        return None
    from pyspark.sql import DataFrame

    groups: Any = error.obj
    nodes = cell.failed_attributes(error.name)
    if len(nodes) != 1 or not hasattr(DataFrame, error.name):
        return None
    lost = set(groups._df.columns) - _names(groups)  # count() gives the columns of the groups, and `count`
    statements = [node for node in cell.nodes(ast.stmt) if nodes[0] in ast.walk(node)]
    following = source_of(cell, statements[-1]).partition(source_of(cell, nodes[0].value))[2]
    if any(re.search(rf"\b{re.escape(name)}\b", following) for name in lost):
        return None
    what = f"A DataFrame after groupBy() has groups and no rows, so it has no {error.name}. "
    what += "Say what to calculate for each group, for example count()."
    code = f"{source_of(cell, nodes[0].value)}.count().{error.name}"
    return python_correction(cell, nodes[0], code, what, PROOF)


def column_of_groups(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that groups have no column to calculate with: `groupBy("Host").price.max()` is code for pandas.

    Remedy: The line with `agg`.
    """
    is_item = cell.matches(r"^builtins\.TypeError: 'GroupedData' object is not subscriptable")
    groups = getattr(cell.error, "obj", None)
    if not is_item and type(groups).__name__ != "GroupedData":
        return None
    for call in cell.calls(*AGGREGATES):
        node = owner_of(call)
        if not isinstance(node, ast.Attribute | ast.Subscript) or not cell.failed_in(node):
            continue
        column = column_name(cell, node)
        if is_item is isinstance(node, ast.Attribute) or call.args or call.keywords:
            continue
        if not column or (groups is not None and column not in groups._df.columns):
            continue
        what = f"A DataFrame after groupBy() has groups and no column {column}. agg() calculates for each group."
        code = f'{source_of(cell, node.value)}.agg({{"{column}": "{called_name(call)}"}})'
        return python_correction(cell, call, code, what, PROOF)
    return None


def _names(groups: Any) -> set[str]:
    """Return the names of the columns that make the groups."""
    return {str(column).removeprefix("Column<'").removesuffix("'>") for column in groups._grouping_cols}


EXPLANATIONS: list[Explain] = [method_of_groups, column_of_groups]
