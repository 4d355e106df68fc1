"""The files to upload to Canvas: the gradebook with grades, and a zip with a feedback file for each student.

Canvas attaches a file of the zip to a submission by the numbers in its name, and shows it under the name of the
file that the student handed in (`infer_comment_context_from_filename` in `app/models/assignment.rb` of
https://github.com/instructure/canvas-lms). So the feedback on a notebook is a notebook, and on a zip it is a zip.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import nbformat

from eventlab.files import write_zip, zip_bytes
from eventlab.grading import csv_files
from eventlab.grading.exports import CANVAS
from eventlab.grading.gradebook.book import Book, LabGrades, Mark, listed
from eventlab.grading.gradebook.worksheets import CanvasSheet
from eventlab.grading.reports.messages import for_student, line, points, remarks

COLUMNS = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")
POINTS_POSSIBLE = "    Points Possible"


def write_grades(book: Book, sheet: CanvasSheet | None, path: Path) -> tuple[list[Path], list[str]]:
    """Write the gradebook of all labs, if Canvas is known; return it, and sentences for the instructor."""
    titles = [book.title(lab) for lab in book.labs]
    if sheet:
        rows, notes = _filled(book, sheet, titles)
    else:
        known = [person for person in book.people.members if person.canvas_id or person.sis_user_id]
        if not known:
            return [], []
        rows = [[*COLUMNS, *(title or lab.name for title, lab in zip(titles, book.labs, strict=True))]]
        rows.append([POINTS_POSSIBLE, *[""] * 4, *(f"{lab.max_points:g}" for lab in book.labs)])
        for person in known:
            ids = [person.canvas_id, person.sis_user_id, person.sis_login_id, person.section]
            rows.append([person.label, *ids, *(book.mark(person, lab).in_scale(1) for lab in book.labs)])
        notes = [
            "Canvas asks to which assignment a column belongs, unless the column has its name; the column `title` "
            "of deadlines.csv can state it"
        ]
    csv_files.write(path, rows)
    return [path], notes


def _filled(book: Book, sheet: CanvasSheet, titles: Sequence[str]) -> tuple[list[list[str]], list[str]]:
    """Return the columns about people and those of the labs; a field without a mark stays as it is."""
    people = [column for column in sheet.header[: sheet.header.index("Section") + 1] if column]
    notes, columns = [], []
    for lab, title in zip(book.labs, titles, strict=True):
        column = sheet.assignment(lab.name, title)
        possible = sheet.possible(column) if column else None
        if column is None:
            notes.append(
                f"{lab.name}: {sheet.path} has no assignment of this name, so Canvas asks which one is meant; "
                "the column `title` of deadlines.csv can state it"
            )
        elif possible not in (None, lab.max_points):
            notes.append(
                f"{lab.name}: {lab.max_points:g} points become {possible:g} in Canvas, its points possible"
            )
        columns.append((lab, column or title or lab.name, possible))
    rows = [[*people, *(name for _, name, _ in columns)]]
    for row in sheet.table[1 : sheet.first]:
        possibles = [
            sheet.field(row, name) or (f"{lab.max_points:g}" if "Points" in sheet.field(row, "Student") else "")
            for lab, name, _ in columns
        ]
        rows.append([*(sheet.field(row, column) for column in people), *possibles])
    absent = {id(person): person for person in book.people.members}
    for row in sheet.students:
        person = book.people.match(canvas_id=sheet.field(row, "ID"))
        absent.pop(id(person), None)
        fields = [sheet.field(row, column) for column in people]
        for lab, name, possible in columns:
            scale = possible / lab.max_points if possible and lab.max_points else 1
            fields.append((book.mark(person, lab).in_scale(scale) if person else "") or sheet.field(row, name))
        rows.append(fields)
    lost = [one.label for one in absent.values() if any(book.mark(one, lab).mark is not None for lab in book.labs)]
    if lost:
        notes.append(f"{sheet.path} has no line of {listed(lost)}: their grades are not in the file for Canvas")
    return rows, notes


def write_feedback(
    lab: LabGrades, marks: Sequence[Mark], page: Callable[[Mark], str], path: Path
) -> tuple[list[Path], list[str]]:
    """Write the zip of a lab, if submissions come from Canvas; return it, and sentences for the instructor.

    Args:
        lab: The lab.
        marks: Its marks, one per person.
        page: Returns the feedback page of a mark with a record.
        path: The zip.
    """
    files, notes = {}, []
    for mark in marks:
        match = CANVAS.fullmatch(mark.origin.file) if mark.origin.platform == "canvas" else None
        if match is None or mark.record is None:
            continue
        name = match["file"] or ""
        if name.lower().endswith(".ipynb"):
            files[mark.origin.file] = notebook(mark).encode("utf-8", "replace")
        elif name.lower().endswith(".zip"):
            files[mark.origin.file] = zip_bytes([(f"{lab.name}.html", page(mark).encode("utf-8", "replace"))])
        else:
            notes.append(f"{lab.name}, {mark.person.label}: Canvas takes no feedback file for {mark.origin.file}")
    return ([write_zip(path, files.items())], notes) if files else ([], notes)


def notebook(mark: Mark) -> str:
    """Return the feedback as a notebook: the mark and the verdict of each check; what a student wrote is text."""
    record = mark.record
    assert record is not None
    cells = [f"# Feedback: {mark.lab.name}\n\n{mark.summary}"]
    cells += [f"    {line(note, 1000)}" for note in (*record.notes, record.comment) if note]
    for question in record.questions:
        verdicts = [f"## {question.id}: {points(question)}"]
        verdicts += [f"    {line(remark, 1000)}" for remark in remarks(question)]
        for check in question.checks:
            verdict = f"{'passed' if check.passed else 'FAILED'}: {line(check.name)}\n{for_student(check)}"
            verdicts.append("\n".join(f"    {text}" for text in verdict.splitlines()))
        cells.append("\n\n".join(verdicts))
    node = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(cell) for cell in cells])
    for count, cell in enumerate(node.cells):
        cell["id"] = f"feedback-{count}"
    return nbformat.writes(node) + "\n"
