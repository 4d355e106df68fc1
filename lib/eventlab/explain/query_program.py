"""The statements of a notebook that define a streaming query, and the DataFrames in them."""

import ast
import contextlib
import copy
import re
from collections.abc import Iterator
from typing import Any

from eventlab.explain.failed_cell import FailedCell
from eventlab.explain.syntax_trees import python_tree

CHILDREN = ("_child", "left", "right", "other")
POSITIONS = {"startingOffsets", "startingTimestamp", "startingOffsetsByTimestamp", "maxOffsetsPerTrigger"}
"""Options of Kafka's source that a table does not know, or that do not mean the same there."""


def is_query(value: Any) -> bool:
    """Return whether a value is one of Spark's streaming queries."""
    return type(value).__name__ == "StreamingQuery" and type(value).__module__.startswith("pyspark.sql")


def is_active(query: Any) -> bool:
    """Return whether a query runs; one whose server or session has ended does not."""
    with contextlib.suppress(Exception):
        return bool(query.isActive)
    return False


def program_of(cell: FailedCell, name: str) -> str:
    """Return the statements that assign the query and what it is made of, the last of each variable, in order.

    A query without such a statement in the notebook's cells, for example one from a list, is there as its name.
    """
    statements: dict[str, str] = {}
    queue = [name]
    while queue:
        variable = queue.pop()
        statement = cell.assignment_of(variable)
        if variable in statements or statement is None:
            continue
        statements[variable] = statement
        names = [node.id for node in ast.walk(python_tree(statement)) if isinstance(node, ast.Name)]
        queue += [used for used in names if used != variable and _is_part(cell.namespace.get(used))]
    return "\n".join(reversed(list(statements.values()))) or name


def _is_part(value: Any) -> bool:
    """Return whether a value can be a part of a streaming query: an object of pyspark, or options of a source."""
    return isinstance(value, dict) or type(value).__module__.startswith("pyspark.sql")


def frames_of(cell: FailedCell) -> Iterator[tuple[str, Any]]:
    """Yield the streaming DataFrames of a program (variable, DataFrame), the last one first."""
    for name, value in reversed(cell.variables.items()):
        if type(value).__name__ == "DataFrame" and getattr(value, "isStreaming", False):
            yield name, value


def as_table(frame: Any) -> Any:
    """Return the DataFrame of a stream as a DataFrame of all rows that its sources have now.

    Args:
        frame: A DataFrame of Spark Connect, whose plan is made of Python objects.
    """
    return type(frame)(_as_table(frame._plan), frame.sparkSession)


def table_before_filters(frame: Any) -> Any:
    """Return the rows of a stream as a table, as they are before the last filters and groups of its plan."""
    table = as_table(frame)
    plan = table._plan
    while type(plan).__name__ in ("Filter", "Aggregate", "WithWatermark"):
        plan = plan._child
    return type(table)(plan, table.sparkSession)


def _as_table(plan: Any) -> Any:
    """Return a copy of the plan with tables in the place of its streams."""
    table = copy.copy(plan)
    if getattr(table, "_is_streaming", False):
        table._is_streaming = False
        table._options = {key: value for key, value in table._options.items() if key not in POSITIONS}
    for child in CHILDREN:
        if getattr(table, child, None) is not None:
            setattr(table, child, _as_table(getattr(table, child)))
    return table


def statement_with(program: str, text: str) -> str | None:
    """Return the only statement of the program that contains the text, or None."""
    nodes = python_tree(program).body
    found = [code for node in nodes if text in (code := ast.get_source_segment(program, node) or "")]
    return found[0] if len(found) == 1 else None


def runs_once(program: str) -> bool:
    """Return whether the program's trigger ends the query when it has read what is there."""
    return bool(re.search(r"\.trigger\(\s*(availableNow|once)\s*=\s*True", program))
