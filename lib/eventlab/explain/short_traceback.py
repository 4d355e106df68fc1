"""Short tracebacks: the learner's own lines and the message, without the frames of installed libraries.

IPython shows what an error's `_render_traceback_` returns. Without this, a refused connection shows some 190 lines
of httpx and httpcore, and its message is scrolled out of sight.
"""

import re
from types import TracebackType
from typing import Any

LIBRARIES = re.compile(r"/(site|dist)-packages/|/lib/python3[^/]*/|<frozen ")


class _Shown(Exception):
    """Has the short message of an error, for IPython's formatter."""


def install_for_httpx() -> None:
    """Shorten the tracebacks of httpx's errors in this process."""
    import httpx

    for kind in (httpx.HTTPError, httpx.InvalidURL):
        setattr(kind, "_render_traceback_", _render)  # noqa: B010


def _render(error: Any) -> list[str]:
    return render(error, str(error))


def render(error: Any, message: str) -> list[str]:
    """Return IPython's traceback of the error with the learner's frames only, and a message."""
    from IPython import get_ipython

    shell, traceback = get_ipython(), _own_frames(error.__traceback__)
    shown = _Shown(message)
    shown.__suppress_context__ = True
    if shell is None or traceback is None:
        return [f"{type(error).__name__}: {message}"]
    return list(shell.InteractiveTB.structured_traceback(type(error), shown, traceback))


def _own_frames(traceback: TracebackType | None) -> TracebackType | None:
    """Return the traceback without the frames of installed libraries."""
    frames = []
    while traceback is not None:
        if not LIBRARIES.search(traceback.tb_frame.f_code.co_filename):
            frames.append(traceback)
        traceback = traceback.tb_next
    result = None
    for item in reversed(frames):
        result = TracebackType(result, item.tb_frame, item.tb_lasti, item.tb_lineno)
    return result
