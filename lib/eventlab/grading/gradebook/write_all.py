"""Writing a gradebook: the tables, the page, and the files for Moodle, Canvas and Blackboard."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from eventlab.grading import csv_files
from eventlab.grading.gradebook import blackboard, canvas, moodle
from eventlab.grading.gradebook.book import Book, Mark
from eventlab.grading.gradebook.worksheets import BlackboardSheet, CanvasSheet
from eventlab.grading.reports import html
from eventlab.grading.reports.messages import number
from eventlab.grading.results import write_atomically

MARK_COLUMNS = (
    *("lab", "student", "name", "status", "points", "submitted", "due", "days_late", "deduction"),
    *("mark", "max_points"),
)


@dataclass
class Written:
    """The files that were written, and sentences about what to do or know before the upload."""

    files: list[Path] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, result: tuple[list[Path], list[str]]) -> None:
        """Add what a platform's module wrote."""
        self.files += result[0]
        self.notes += result[1]


def write_all(
    book: Book,
    output: Path,
    canvas_sheet: CanvasSheet | None = None,
    blackboard_sheet: BlackboardSheet | None = None,
) -> Written:
    """Write all files of a gradebook.

    Args:
        book: The gradebook.
        output: The folder.
        canvas_sheet: The gradebook export of Canvas that is filled in.
        blackboard_sheet: The Grade Center of Blackboard that is filled in.
    """
    written = Written([output / "gradebook.html", output / "gradebook.csv", output / "marks.csv"])
    csv_files.write(written.files[1], gradebook(book))
    csv_files.write(written.files[2], marks(book))
    for lab in book.labs:
        of_lab = book.of_lab(lab)
        written.add(moodle.write(lab, of_lab, feedback_page, output / "moodle"))
        written.add(
            canvas.write_feedback(lab, of_lab, feedback_page, output / "canvas" / f"{lab.name}_feedback.zip")
        )
    written.add(canvas.write_grades(book, canvas_sheet, output / "canvas" / "grades.csv"))
    written.add(blackboard.write_grades(book, blackboard_sheet, output / "blackboard"))
    page = html.render_template("gradebook.html", book=book, notes=written.notes)
    write_atomically(written.files[0], page)
    return written


def feedback_page(mark: Mark) -> str:
    """Return the page for a student: the page of the record, with the deduction for lateness at its top."""
    assert mark.record is not None
    notebook = html.executed_notebook(mark.record, mark.lab.folder)
    return html.feedback(mark.record, notebook, [mark.summary] if mark.days_late else [])


def gradebook(book: Book) -> Iterator[list[str]]:
    """Yield the heading and one row per person: the mark of each lab, the total, and the most points."""
    most = number(sum(lab.max_points for lab in book.labs))
    yield ["student", "name", "email", "section", *(lab.name for lab in book.labs), "total", "max_points"]
    for person in book.people.members:
        found = [book.mark(person, lab).mark for lab in book.labs]
        shown = ["" if mark is None else number(mark) for mark in found]
        about = [book.label(person, person.student), person.name, person.email, person.section]
        yield [*about, *shown, number(book.total(person)), most]


def marks(book: Book) -> Iterator[list[str]]:
    """Yield the heading and one row per person and lab: how the mark was calculated."""
    yield list(MARK_COLUMNS)
    for lab in book.labs:
        for mark in book.of_lab(lab):
            yield [
                lab.name,
                book.label(mark.person, mark.person.student),
                mark.person.name,
                mark.status,
                "" if mark.points is None else number(mark.points),
                mark.submitted.isoformat(" ") if mark.submitted else "",
                mark.policy.due.isoformat(" ") if mark.policy.due else "",
                str(mark.days_late) if mark.submitted and mark.policy.due else "",
                number(mark.deduction),
                "" if mark.mark is None else number(mark.mark),
                number(lab.max_points),
            ]
