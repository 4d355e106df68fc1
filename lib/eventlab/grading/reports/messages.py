"""Texts that several reports share, and functions that make any text safe to show."""

from __future__ import annotations

import re

from eventlab.grading.results import CheckResult, Status

STATUS: dict[Status, str] = {
    "graded": "Your notebook was executed and judged.",
    "timed_out": "A cell ran past its time limit and was stopped. The other questions were graded separately.",
    "died": "A cell ended its own kernel. The other questions were graded separately.",
    "unreadable": "Your file could not be read as a notebook.",
    "infrastructure_failed": "The grading machine failed: your notebook has no mark yet and is graded again.",
}

ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


def number(value: float | None) -> str:
    """Format points: `2`, `0.5`; a dash when there is no mark."""
    if value is None:
        return "–"
    return f"{value:.4g}" if value % 1 else f"{value:.0f}"


def clean(text: str, limit: int = 2000) -> str:
    """Remove terminal colours and control characters, and cut the text after `limit` characters."""
    kept = text[: 2 * limit]
    kept = CONTROLS.sub("�", ESCAPES.sub("", kept.replace("\r\n", "\n")))
    return kept if len(text) <= limit else f"{kept[:limit]} … ({len(text):,} characters)"


def line(text: str, limit: int = 200) -> str:
    """Return the text as `clean` does, on one line."""
    return " ".join(clean(text, limit).split())


def for_student(check: CheckResult) -> str:
    """Return what a student may see of a check: of a failed hidden one, only its hint."""
    if check.passed:
        return "as expected"
    values = {} if check.hidden else {"expected": check.expected, "got": check.got}
    parts = [f"{name}: {clean(value)}" for name, value in values.items() if value]
    return "\n".join([*parts, *([f"hint: {check.hint}"] if check.hint else [])])
