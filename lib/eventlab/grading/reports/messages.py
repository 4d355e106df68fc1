"""Texts that several reports share, and functions that make any text safe to show."""

from __future__ import annotations

import re

from eventlab.grading.results import CheckResult, Question, Status, SubmissionRecord
from eventlab.printable import printable

STATUS: dict[Status, str] = {
    "graded": "Your notebook was executed and judged.",
    "timed_out": "A cell ran past its time limit and was stopped. The other questions were graded separately.",
    "died": "A cell ended its own kernel. The other questions were graded separately.",
    "unreadable": "Your file could not be read as a notebook.",
    "infrastructure_failed": "The grading machine failed: your notebook has no mark yet and is graded again.",
}

NOT_MARKED = "not marked yet"
ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")


def number(value: float | None) -> str:
    """Format points: `2`, `0.5`; a dash when there is no mark."""
    if value is None:
        return "–"
    return f"{round(value, 3):.15g}"


def clean(text: str, limit: int = 2000) -> str:
    """Remove terminal colours and control characters, and cut the text after `limit` characters."""
    kept = text[: 2 * limit]
    kept = printable(ESCAPES.sub("", kept.replace("\r\n", "\n")))
    return kept if len(text) <= limit else f"{kept[:limit]} … ({len(text):,} characters)"


def line(text: str, limit: int = 200) -> str:
    """Return the text as `clean` does, on one line."""
    return " ".join(clean(text, limit).split())


def for_student(check: CheckResult) -> str:
    """Return what a student may see of a check: for a failed hidden check, only its hint."""
    return "as expected" if check.passed else "\n".join(f"{name}: {text}" for name, text in found(check).items())


def found(check: CheckResult) -> dict[str, str]:
    """Return what a student may see of a failed check by its label; {} if the check passed."""
    if check.passed:
        return {}
    values = {} if check.hidden else {"expected": clean(check.expected), "got": clean(check.got)}
    return {name: text for name, text in (values | {"hint": check.hint}).items() if text}


def points(question: Question) -> str:
    """Return the points of a question: `2 / 3`, or that it is not marked yet."""
    most = number(question.max_points)
    return f"{NOT_MARKED} (of {most})" if question.points is None else f"{number(question.points)} / {most}"


def recognized(question: Question) -> str:
    """Return for the student which known mistakes give the figures of a wrong answer, or ""."""
    if not question.mistakes:
        return ""
    what = " or ".join(mistake.did for mistake in question.mistakes)
    why = " ".join(dict.fromkeys(mistake.why for mistake in question.mistakes))
    return f"Your result has the same figures as a solution that {what}. {why}"


def by_hand(question: Question) -> str:
    """Return that a person has set the points of a question, or ""."""
    if not question.by_hand:
        return ""
    judged = question.judged_points
    rest = "" if judged in (None, question.points) else f"; the checks gave {number(judged)}"
    if question.checks:
        return f"Your instructor set the points{rest}."
    lines = [
        f"{number(line.given)} / {number(line.points)} {line.text}"
        for line in question.rubric
        if line.given is not None
    ]
    return "\n".join([f"Your instructor marked this answer{':' if lines else '.'}", *lines])


def happened(record: SubmissionRecord) -> list[str]:
    """Return for the instructor what happened to a submission, and what a person gave."""
    lines = [line(message) for message in record.messages]
    for question in record.questions:
        if question.by_hand:
            judged = f" (checks: {number(question.judged_points)})" if question.checks else ""
            lines.append(f"{question.id} by hand: {number(question.points)}{judged}")
        lines += [f"{question.id}: {line(question.comment)}"] if question.comment else []
    return [*lines, line(record.comment)] if record.comment else lines


def remarks(question: Question) -> list[str]:
    """Return for the student all sentences about a question apart from its checks."""
    parts = (question.note, recognized(question), by_hand(question), question.comment)
    return [clean(part) for part in parts if part]
