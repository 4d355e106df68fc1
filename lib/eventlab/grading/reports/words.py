"""Words that several reports share, and text that is safe to show whoever wrote it."""

from __future__ import annotations

import re

from eventlab.grading.records import CheckResult, Status

STATUS: dict[Status, str] = {
    "graded": "Your notebook was executed and judged.",
    "timed_out": "A cell ran past its time and was stopped. The other questions were graded on their merits.",
    "died": "A cell ended its own kernel. The other questions were graded on their merits.",
    "unreadable": "What was handed in could not be read as a notebook.",
}

ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


def number(value: float) -> str:
    """Points as people write them: `2`, `0.5`."""
    return f"{value:.4g}" if value % 1 else f"{value:.0f}"


def clean(text: str, limit: int = 2000) -> str:
    """Without a terminal's colours and control characters, and not longer than `limit` characters."""
    kept = text[: 2 * limit]
    kept = CONTROLS.sub("�", ESCAPES.sub("", kept.replace("\r\n", "\n")))
    return kept if len(text) <= limit else f"{kept[:limit]} … ({len(text):,} characters)"


def line(text: str, limit: int = 200) -> str:
    """The same on one line."""
    return " ".join(clean(text, limit).split())


def for_student(check: CheckResult) -> str:
    """What a student may know of a check: of a hidden one only that it failed and its hint."""
    if check.passed:
        return "as expected"
    parts = [] if check.hidden else [f"expected: {clean(check.expected)}", f"got: {clean(check.got)}"]
    return "\n".join([*parts, *([f"hint: {check.hint}"] if check.hint else [])])
