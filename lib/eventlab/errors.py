"""The base classes of the kit's errors, and what an error says about an unknown name."""

from collections.abc import Iterable
from difflib import SequenceMatcher, get_close_matches


class EventlabError(Exception):
    """An error that the kit explains to its user; the command line and notebooks print it without a traceback.

    Attributes:
        message: What happened, in which service or cell, and where to look.
        next_command: The command that solves the problem or shows more, or "".
    """

    def __init__(self, message: str, next_command: str = "") -> None:
        super().__init__(message, next_command)
        self.message = message
        self.next_command = next_command

    def __str__(self) -> str:
        return f"{self.message}\nNext: {self.next_command}" if self.next_command else self.message

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows instead of a traceback."""
        return [f"{type(self).__name__}: {self}"]


class ServiceUnavailable(EventlabError):
    """A service does not answer, or its answer shows that it cannot be used yet."""


class StackError(EventlabError):
    """The stack could not be started, stopped or reset."""


END_OF_LOG = ". The end of its log"
"""What separates the reason of a start error from the log that it shows."""
MAX_NAMES = 20
"""Names that an error message lists."""
MAX_NEAREST = 3
"""Nearest names that it lists: people of one name are equally near."""


def near_names(name: str, names: Iterable[str]) -> str:
    """Return the names that are nearest to an unknown one, for an error message, or else the first names."""
    names = list(names)
    if not get_close_matches(name, names, n=1):
        more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
        return f"there are: {', '.join(names[:MAX_NAMES]) or 'none'}{more}"
    likeness = {known: SequenceMatcher(None, known, name).ratio() for known in names}
    most = max(likeness.values())
    nearest = [known for known in likeness if likeness[known] == most]
    return f"did you mean {' or '.join(map(repr, nearest[:MAX_NEAREST]))}?"
