"""Explains streaming queries that ended because a service did not run."""

import contextlib
from typing import Any

from eventlab.clients.stream_messages import message_line
from eventlab.clients.stream_query import error_of
from eventlab.explain import service
from eventlab.explain.explanation import Explain, Explanation
from eventlab.explain.failed_cell import FailedCell
from eventlab.explain.query_program import is_active, is_query
from eventlab.settings import Settings
from eventlab.stack.services import SERVICES

ERRORS = {
    "kafka": (
        r"Timed out waiting for a node assignment",
        r"kafka\.common\.errors\.(?:Timeout|Disconnect)Exception",
    ),
    "namenode": (r"Call From .* failed on (?:connection|socket) exception", r"NameNode is in safe mode"),
    "datanode": (r"could only be written to 0 of the", r"BlockMissingException"),
}
"""What Spark reports when a service does not answer."""


def query_has_ended(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a query ended while a service did not run: it does not start again with the service.

    Remedy: The start of the service, or the statement that starts the query.
    """
    name = next((name for name, patterns in ERRORS.items() if cell.matches(*patterns)), None)
    if name is None:
        return None  # without this, a query of a Spark server that has ended would be asked for ten seconds
    ended = [key for key, value in cell.variables.items() if is_query(value) and _has_failed(value)]
    statement = cell.assignment_of(ended[0]) if len(ended) == 1 else None
    if statement is None:
        return None
    if not_running := service.service_not_running(settings, name):
        return not_running
    if not service.answers(settings, name):
        return None
    return Explanation(
        f"The streaming query {ended[0]} has ended, because {SERVICES[name].label} did not answer. The service "
        "answers again, but the query does not start by itself.",
        f"{ended[0]}.isActive is False; its error is: {message_line(str(cell.error))}",
        statement,
        "To fix it, start the query again, then run the cell again. With a checkpoint, it continues where it was",
    )


def _has_failed(query: Any) -> bool:
    """Return whether a query ended with an error: not one that was stopped, or whose session has ended."""
    with contextlib.suppress(Exception):
        return not is_active(query) and bool(error_of(query))
    return False


EXPLANATIONS: list[Explain] = [query_has_ended]
