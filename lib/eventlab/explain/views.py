"""Finds the statement with which an earlier cell created a view that ended with its Spark session."""

import ast
import re
from typing import Any

from eventlab.explain.failed_cell import FailedCell
from eventlab.explain.session import is_closed, is_dataframe
from eventlab.explain.syntax_trees import python_tree

CREATES_VIEW = r"createOrReplaceTempView|createTempView|registerTempTable|create\s+(or\s+replace\s+)?temp"
DROPS_VIEW = r"drop(Global)?TempView|drop\s+view"
ENDS_SESSION = re.compile(r"\b(\w+)\.stop\(\)")


def statement_of_view(cell: FailedCell, name: str, session: Any) -> tuple[str, str] | None:
    """Return the last statement that created the view, if a session ended after it and it can run again.

    Args:
        cell: The failed cell.
        name: The view's name.
        session: The open session.

    Returns:
        The statement, and the proof that its session has ended.
    """
    word = rf"\b{re.escape(name)}\b"
    ended = ""
    for source in reversed(cell.history):
        for node in reversed(python_tree(source).body):
            statement = ast.get_source_segment(source, node) or ""
            if re.search(DROPS_VIEW, statement, re.IGNORECASE) and re.search(word, statement):
                return None  # the learner has removed it
            stopped = (cell.namespace.get(variable) for variable in ENDS_SESSION.findall(statement))
            if not ended and any(type(value).__name__ == "SparkSession" for value in stopped):
                ended = statement.split("\n")[0]
            if not re.search(rf"({CREATES_VIEW})(.|\n)*{word}", statement, re.IGNORECASE):
                continue
            if not ended or _uses_other_session(cell, node, session):
                return None
            first = statement.split("\n")[0]
            return statement, f"an earlier cell contains: {first}; after it, a cell ran: {ended}"
    return None


def _uses_other_session(cell: FailedCell, statement: ast.AST, session: Any) -> bool:
    """Return whether a DataFrame that the statement needs belongs to a session that has ended."""
    names = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
    frames = (cell.namespace.get(name) for name in names)
    sessions = [frame.sparkSession for frame in frames if is_dataframe(frame)]
    return any(other is not session or is_closed(other) for other in sessions)
