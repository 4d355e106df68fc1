"""Short tracebacks of Spark's errors: the message and the learner's own lines; the JVM's part is behind a fold.

Without this, an error of Spark Connect shows some 20 frames of pyspark, Spark's plan and dozens of JVM frames, and
its message is scrolled out of sight.
"""

import re
from html import escape
from typing import Any

from eventlab.explain import short_traceback

PLAN = re.compile(
    r"(?P<message>.*?SQLSTATE: \w{5}(?:; line \d+ pos \d+)?);\n(?P<details>.*)"  # the plan of a query
    r"|(?P<other>.*?)(?P<rest>\n=== Streaming Query ===.*|\n\s+at [\w.$/]+\(.*)",
    re.DOTALL,
)
WORKER_FRAME = re.compile(r'^  File "[^"]*/site-packages/[^\n]*\n(?:    [^\n]*\n)*', re.MULTILINE)
MAX_DETAILS = 30_000


def install() -> None:
    """Shorten the tracebacks of pyspark's errors in this process."""
    from pyspark.errors import PySparkException

    PySparkException._render_traceback_ = _render  # type: ignore[attr-defined]


def jvm_details(error: BaseException | None) -> str:
    """Return what the short traceback leaves out: Spark's plan and the JVM's frames; "" for other errors."""
    if not hasattr(error, "_render_traceback_") or not type(error).__module__.startswith("pyspark"):
        return ""
    details = split_message(_full_message(error))[1]
    stack = str(getattr(error, "_stacktrace", None) or "")
    return "\n\n".join(part for part in (details, stack) if part)[:MAX_DETAILS]


def fold(details: str) -> dict[str, str]:
    """Return the details as a notebook's output: a closed fold, and one line of text without HTML."""
    count = details.count("\n") + 1
    summary = f"Details from Spark's server ({count} lines)"
    html = f"<details><summary>{summary}</summary><pre>{escape(details)}</pre></details>"
    return {"text/plain": f"{summary} are in this output's HTML.", "text/html": html}


def split_message(text: str) -> tuple[str, str]:
    """Return the readable part of an error's text, and its plan or frames."""
    text = text.partition("\n\nJVM stacktrace:")[0]
    match = PLAN.match(text)
    message, details = text, ""
    if match:
        message, details = match["message"] or match["other"], match["details"] or match["rest"] or ""
    if short := WORKER_FRAME.sub("", message):  # Python's frames in Spark's workers
        details = details or (message if short != message else "")
        message = short
    return message.strip(), details.strip()


def _full_message(error: Any) -> str:
    """Return the error's text without the frames that pyspark adds to it."""
    displayed = getattr(error, "_display_stacktrace", None)
    return str(error) if displayed is None else str(error._message)


def _render(error: Any) -> list[str]:
    """Return IPython's traceback of the error with the learner's frames only, and the short message."""
    return short_traceback.render(error, split_message(_full_message(error) or str(error))[0])
