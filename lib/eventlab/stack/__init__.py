"""The services: what runs, where, and how it starts, answers and stops. The public class is `Stack`."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eventlab.stack.stack import Stack, fresh_stack

__all__ = ["Stack", "fresh_stack"]


def __getattr__(name: str) -> Any:
    """Import the public names at their first use, because the Java commands do not use them (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from eventlab.stack import stack

    return getattr(stack, name)
