"""Verifying a lab: the instructor gets full marks, an untouched notebook none, and each mutant fewer.

A mutant is wrong in one question: that one loses marks, and no other.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from eventlab.grading.grade import GradingError, grade
from eventlab.grading.mutants import INSTRUCTOR, UNTOUCHED, write_class
from eventlab.grading.progress import GradingProgress
from eventlab.grading.reports.messages import line, number
from eventlab.grading.results import SubmissionRecord
from eventlab.labs.catalogue import Lab
from eventlab.labs.checks import Mutant

Grade = Callable[..., Sequence[SubmissionRecord]]
BROKEN = "could not be checked:"
"""How a check's verdict begins when the check itself raised (eventlab.labs.checks)."""


@dataclass(frozen=True)
class Verification:
    """The records of the instructor's notebook, the untouched one and the mutants."""

    lab: str
    instructor: SubmissionRecord
    untouched: SubmissionRecord
    mutants: tuple[tuple[Mutant, SubmissionRecord], ...]

    @property
    def survivors(self) -> list[Mutant]:
        """Return the wrong solutions that lost no marks for their question."""
        return [mutant for mutant, record in self.mutants if not loses_marks(record, mutant.question)]

    @property
    def unfair(self) -> list[tuple[Mutant, str]]:
        """Return the wrong solutions that lost marks of other questions, each with those questions."""
        return [
            (mutant, " and ".join(lost))
            for mutant, record in self.mutants
            if (lost := [q.id for q in record.questions if q.id != mutant.question and q.points < q.max_points])
        ]

    @property
    def share_caught(self) -> float:
        """Return the share of wrong solutions that were caught, from 0 to 1; without any it is 0."""
        return 1 - len(self.survivors) / len(self.mutants) if self.mutants else 0.0

    @property
    def problems(self) -> list[str]:
        """Return the problems of the lab as sentences."""
        found = [*_of_instructor(self.instructor), *_of_untouched(self.untouched)]
        if not self.mutants:
            found.append("checks.py has no MUTANTS: nothing shows that a wrong solution loses marks")
        found += [
            f"wrong, but kept full marks: {mutant.question} {mutant.name}: {mutant.old!r} → {mutant.new!r}"
            for mutant in self.survivors
        ]
        return found + [
            f"wrong in {mutant.question} only, but {lost} lost marks, too: {mutant.name}: {mutant.old!r}"
            for mutant, lost in self.unfair
        ]


def verify(
    lab: Lab,
    *,
    workers: int | None = None,
    progress: GradingProgress = lambda done, total, record: None,
    grade: Grade = grade,
) -> Verification:
    """Grade the instructor's notebook, the untouched one and every mutant as one class."""
    with tempfile.TemporaryDirectory(prefix="eventlab-verify-") as folder:
        submissions = Path(folder, "submissions")
        mutants = write_class(lab, lab.mutants, submissions)
        found = grade(lab, submissions, Path(folder, "output"), workers=workers, progress=progress)
    if failed := [record for record in found if not record.has_mark]:
        raise GradingError(f"{len(failed)} solutions could not be graded: {'; '.join(failed[0].messages)}")
    records = {record.student: record for record in found}
    return Verification(
        lab.name,
        records[INSTRUCTOR],
        records[UNTOUCHED],
        tuple((mutant, records[student]) for student, mutant in mutants.items()),
    )


def loses_marks(record: SubmissionRecord, question: str) -> bool:
    """Return whether the submission was judged and has fewer points than the question has."""
    own = [found for found in record.questions if found.id == question]
    return bool(own) and record.status != "unreadable" and all(found.points < found.max_points for found in own)


def _of_instructor(record: SubmissionRecord) -> list[str]:
    found = [
        f"the instructor's solution misses {check.question} {check.name}: expected {line(check.expected)}, "
        f"got {line(check.got)}"
        for check in record.checks
        if not check.passed
    ]
    if record.status != "graded" or (record.points != record.max_points and not found) or not record.max_points:
        found.append(f"the instructor's solution: {_summary(record)}")
    return found


def _of_untouched(record: SubmissionRecord) -> list[str]:
    """Return what is wrong with an untouched notebook's record: points, an early end, or a broken check."""
    found = [
        f"the untouched notebook passes {check.question} {check.name}"
        for check in record.checks
        if check.passed and check.max_points
    ]
    found += [
        f"a check breaks on the untouched notebook: {check.question} {check.name}: {line(check.got)}"
        for check in record.checks
        if check.got.startswith(BROKEN)
    ]
    if record.status != "graded" or (record.points and not found):
        found.append(f"the untouched notebook: {_summary(record)}")
    return found


def _summary(record: SubmissionRecord) -> str:
    points = f"{record.status}, {number(record.points)} of {number(record.max_points)} points"
    return "; ".join([points, *map(line, record.messages)])
