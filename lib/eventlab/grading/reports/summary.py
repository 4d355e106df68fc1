"""The results of the class in numbers: points, checks, and known mistakes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from eventlab.grading.reports.messages import line
from eventlab.grading.results import CheckResult, SubmissionRecord

STEPS = 10
"""Ranges of points in the distribution."""


@dataclass(frozen=True)
class CheckSummary:
    """One check over the class; `commonest` is the most frequent wrong result and `times` its count."""

    question: str
    name: str
    hidden: bool
    passed: int
    of: int
    commonest: str
    times: int


@dataclass(frozen=True)
class MistakeSummary:
    """The students whose wrong answers to a question have the figures of the same known mistake.

    Attributes:
        did: What they did; "" for wrong answers that are like no known mistake.
    """

    question: str
    did: str
    students: tuple[SubmissionRecord, ...]

    def __str__(self) -> str:
        count = f"{len(self.students)} student{'s' if len(self.students) != 1 else ''}"
        return f"{count} {self.did}" if self.did else f"{count} lost points in another way"


def checks(records: Sequence[SubmissionRecord]) -> list[CheckSummary]:
    """Return every check in the order of the lab, with its pass rate and most common failure."""
    groups: dict[tuple[str, str], list[CheckResult]] = {}
    for record in records:
        for check in record.checks:
            groups.setdefault((check.question, check.name), []).append(check)
    return [_summary(checks) for checks in groups.values()]


def _summary(checks: Sequence[CheckResult]) -> CheckSummary:
    first = checks[0]
    failures = Counter(line(check.got) or "nothing" for check in checks if not check.passed)
    commonest, times = failures.most_common(1)[0] if failures else ("", 0)
    passed = sum(check.passed for check in checks)
    return CheckSummary(first.question, first.name, first.hidden, passed, len(checks), commonest, times)


def mistakes(records: Sequence[SubmissionRecord]) -> list[MistakeSummary]:
    """Return the known mistakes of the class by question, the most frequent first, then other wrong answers.

    A question is left out when nobody's answer to it was recognized.
    """
    groups: dict[str, dict[str, list[SubmissionRecord]]] = {}
    for record in records:
        for question in record.questions:
            of_question = groups.setdefault(question.id, {})
            if question.checks and not all(check.passed for check in question.checks):
                did = " or ".join(mistake.did for mistake in question.mistakes)
                of_question.setdefault(did, []).append(record)
    return [
        MistakeSummary(question, did, tuple(students))
        for question, of_question in groups.items()
        if any(of_question)
        for did, students in sorted(of_question.items(), key=lambda item: (not item[0], -len(item[1]), item[0]))
    ]


def distribution(records: Sequence[SubmissionRecord]) -> list[tuple[str, int]]:
    """Return how many students have which share of the points: the range in %, and the number."""
    counts = [0] * STEPS
    for record in records:
        if record.points is not None:
            share = record.points / record.max_points if record.max_points else 0
            counts[max(0, min(STEPS - 1, int(share * STEPS)))] += 1
    width = 100 // STEPS
    return [(f"{width * step}–{width * (step + 1)} %", count) for step, count in enumerate(counts)]
