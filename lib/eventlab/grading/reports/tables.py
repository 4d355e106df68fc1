"""The files grades.csv (one row per student) and checks.csv (one row per check)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from eventlab.grading import csv_files
from eventlab.grading.reports.messages import NOT_MARKED, number
from eventlab.grading.results import SubmissionRecord


def write(records: Sequence[SubmissionRecord], output: Path) -> None:
    """Write OUTPUT/grades.csv and OUTPUT/checks.csv."""
    csv_files.write(output / "grades.csv", grades(records))
    csv_files.write(output / "checks.csv", checks(records))


def grades(records: Sequence[SubmissionRecord]) -> Iterable[list[str]]:
    """Yield the heading and one row per student: status, points, and the points of each question.

    Columns for points and comments by hand exist when a submission of the class has a value for them.
    """
    ids = list(dict.fromkeys(question.id for record in records for question in record.questions))
    own = [_by_person(record) for record in records]
    names = [name for name in ("not_marked", "by_hand", "comment") if any(values[name] for values in own)]
    yield ["student", "lab", "status", "points", "max_points", *ids, *names, "sandbox", "messages"]
    for record, values in zip(records, own, strict=True):
        points = {q.id: NOT_MARKED if q.points is None else number(q.points) for q in record.questions}
        yield [
            record.student,
            record.lab,
            record.status,
            number(record.points) if record.has_mark else "",
            number(record.max_points),
            *(points.get(id, "") for id in ids),
            *(values[name] for name in names),
            "yes" if record.sandboxed else "no",
            "; ".join(record.messages),
        ]


def _by_person(record: SubmissionRecord) -> dict[str, str]:
    """Return which questions are not marked yet, which a person has set, and all comments."""
    comments = [record.comment, *(f"{q.id}: {q.comment}" for q in record.questions if q.comment)]
    return {
        "not_marked": " ".join(question.id for question in record.unmarked),
        "by_hand": " ".join(question.id for question in record.questions if question.by_hand),
        "comment": "\n".join(filter(None, comments)),
    }


def checks(records: Sequence[SubmissionRecord]) -> Iterable[list[str]]:
    """Yield the heading and one row per check of each student, with the results of hidden checks too."""
    yield ["student", "question", "check", "passed", "points", "max_points", "hidden", "expected", "got"]
    for record in records:
        for check in record.checks:
            yield [
                record.student,
                check.question,
                check.name,
                "yes" if check.passed else "no",
                number(check.points),
                number(check.max_points),
                "yes" if check.hidden else "no",
                check.expected,
                check.got,
            ]
