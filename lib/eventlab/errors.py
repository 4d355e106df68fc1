"""The base classes of the kit's errors."""


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
