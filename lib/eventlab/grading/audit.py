"""The audit of a grading: grade some submissions again on fresh stacks, and compare the marks."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from eventlab.grading.grade import jobs_of
from eventlab.grading.jobs import DEFAULT_LIMITS, Limits, Outcome
from eventlab.grading.reports.messages import number
from eventlab.grading.results import SubmissionRecord
from eventlab.grading.scheduler import LOGS, Scheduler, default_size
from eventlab.labs.catalogue import Lab


@dataclass(frozen=True)
class Difference:
    """A submission that was graded differently when it was graded again.

    Attributes:
        first: Its result in the grading.
        again: Its result on a fresh stack, or why there is none.
    """

    student: str
    first: str
    again: str

    def __str__(self) -> str:
        return f"{self.student}: first {self.first}; on a fresh stack {self.again}"


def audit(
    lab: Lab,
    submissions: Path,
    output: Path,
    records: Sequence[SubmissionRecord],
    *,
    count: int,
    workers: int | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> list[Difference]:
    """Grade random submissions again, each on a fresh stack, and return those whose result differs.

    Args:
        lab: The lab.
        submissions: The folder or zip of the grading.
        output: The output folder; logs of failed attempts are written to `logs/_audit`.
        records: The records of the grading.
        count: How many submissions to choose.
        workers: The number of workers; by default it depends on the machine.
        limits: The limits of a submission.
    """
    if not count:
        return []
    first = {record.student: record for record in records if record.has_mark}
    graded = [job for job in jobs_of(lab, submissions, output, limits) if job.student in first]
    if not graded:
        return []
    chosen = random.SystemRandom().sample(graded, min(count, len(graded)))
    size = min(workers or default_size(len(chosen)), len(chosen))
    with Scheduler(lab, output / LOGS / "_audit", limits, size, fresh=True) as scheduler:
        outcomes = list(scheduler.outcomes(chosen))
    compared = [(job.student, summary(first[job.student]), _again(outcome)) for job, outcome in outcomes]
    return [Difference(*one) for one in sorted(compared) if one[1] != one[2]]


def summary(record: SubmissionRecord) -> str:
    """Return the status, the points, and the failed checks of a record as text."""
    failed = ", ".join(f"{check.question} {check.name}" for check in record.checks if not check.passed)
    points = " + ".join(f"{question.id} {number(question.points)}" for question in record.questions)
    return (
        f"{record.status}, {number(record.points)} points ({points or 'no questions'}; failed: {failed or 'none'})"
    )


def _again(outcome: Outcome) -> str:
    if outcome.kind == "infrastructure_failed" or outcome.record is None:
        return f"not graded: {outcome.reason}"  # its record is what there was until then
    return summary(outcome.record)
