"""grades.csv (a row a student) and checks.csv (a row a check), for spreadsheets: no cell may be a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from eventlab.grading.records import SubmissionRecord, write_atomically
from eventlab.grading.reports.words import CONTROLS, number

FORMULA_STARTS = tuple("=+-@＝＋－＠\t\n\r|%")
LIMIT = 10_000
"""Characters a cell; a spreadsheet's own limit is 32,767."""


def write(records: Sequence[SubmissionRecord], output: Path) -> None:
    write_atomically(output / "grades.csv", _csv(grades(records)))
    write_atomically(output / "checks.csv", _csv(checks(records)))


def grades(records: Sequence[SubmissionRecord]) -> Iterable[list[str]]:
    """Student, status and points, then a column for each question's points."""
    ids = list(dict.fromkeys(question.id for record in records for question in record.questions))
    yield ["student", "lab", "status", "points", "max_points", *map(text, ids), "messages"]
    for record in records:
        points = {question.id: number(question.points) for question in record.questions}
        yield [
            text(record.student),
            text(record.lab),
            record.status,
            number(record.points),
            number(record.max_points),
            *(points.get(id, "") for id in ids),
            text("; ".join(record.messages)),
        ]


def checks(records: Sequence[SubmissionRecord]) -> Iterable[list[str]]:
    """Every check of every student, with what was expected and got also of the hidden ones: for the instructor."""
    yield ["student", "question", "check", "passed", "points", "max_points", "hidden", "expected", "got"]
    for record in records:
        for check in record.checks:
            yield [
                text(record.student),
                text(check.question),
                text(check.name),
                "yes" if check.passed else "no",
                number(check.points),
                number(check.max_points),
                "yes" if check.hidden else "no",
                text(check.expected),
                text(check.got),
            ]


def text(value: str) -> str:
    """Text that a spreadsheet shows as it is: what would be a formula gets a quote before it."""
    shown = CONTROLS.sub("�", value[:LIMIT])
    return f"'{shown}" if shown.lstrip(" \u00a0").startswith(FORMULA_STARTS) else shown


def _csv(rows: Iterable[list[str]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue()
