"""The places that Spark names in an error: a part of the SQL, or a line of the notebook's cell."""

from typing import Any

from eventlab.explain.failed_cell import FailedCell


def contexts(cell: FailedCell) -> list[Any]:
    """Return the parts of the query that Spark names in the error."""
    get_context = getattr(cell.error, "getQueryContext", None)
    return list(get_context() or ()) if callable(get_context) else []


def is_called_here(cell: FailedCell, line: int) -> bool:
    """Return whether Spark names this line of this cell as the place of the error, or names no place."""
    places = [context.callSite() for context in contexts(cell) if context.contextType().name != "SQL"]
    return not places or any(place.startswith(f"line {line} in cell [{cell.number}]") for place in places)


def fragments(cell: FailedCell) -> list[str]:
    """Return the parts of the SQL that Spark names in the error."""
    return [context.fragment() for context in contexts(cell) if context.contextType().name == "SQL"]
