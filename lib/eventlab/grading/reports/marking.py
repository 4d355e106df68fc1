"""The answers that a person marks: `marking.html` to read, and `to_mark.csv` to fill in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from eventlab.grading import csv_files
from eventlab.grading.adjustments import COLUMNS
from eventlab.grading.reports.html import render_template
from eventlab.grading.results import Question, SubmissionRecord, write_atomically


def write(records: Sequence[SubmissionRecord], output: Path) -> None:
    """Write OUTPUT/marking.html and OUTPUT/to_mark.csv when the lab has questions that a person marks."""
    if any(question.rubric for record in records for question in record.questions):
        write_atomically(output / "marking.html", page(records))
        csv_files.write(output / "to_mark.csv", to_mark(records))


def to_mark(records: Sequence[SubmissionRecord]) -> Iterable[list[str]]:
    """Yield a heading and a row per answer without a mark: the columns of `adjustments.csv`, answer and rubric."""
    yield [*COLUMNS, "answer", "rubric"]
    for record in records:
        for question in record.unmarked:
            rubric = "; ".join(f"{line.points:g}: {line.text}" for line in question.rubric)
            yield [record.student, question.id, "", "", question.answer, rubric]


def page(records: Sequence[SubmissionRecord]) -> str:
    """Return the page with each text question's rubric, and all answers to it."""
    answers: dict[str, list[tuple[SubmissionRecord, Question]]] = {}
    for record in records:
        for question in record.questions:
            if question.rubric:
                answers.setdefault(question.id, []).append((record, question))
    return render_template("marking.html", records=records, answers=answers)
