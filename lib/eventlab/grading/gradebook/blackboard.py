"""The file to upload to Blackboard: the downloaded Grade Center with the marks of the labs.

The layout and its sources are in `worksheets`. The file has only the columns of the labs and those that say who a
student is, because Blackboard changes only the columns that a file has.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

from eventlab.files import write_atomically
from eventlab.grading import csv_files
from eventlab.grading.csv_files import text
from eventlab.grading.gradebook.book import Book, LabGrades, listed
from eventlab.grading.gradebook.worksheets import BLACKBOARD_PEOPLE, BlackboardSheet


def write_grades(book: Book, sheet: BlackboardSheet | None, folder: Path) -> tuple[list[Path], list[str]]:
    """Write the Grade Center with the marks of all labs; return it, and sentences for the instructor."""
    if sheet is None:
        from_blackboard = any(mark.origin.platform == "blackboard" for mark in book.marks.values())
        hint = "for Blackboard's file of grades, download the Grade Center and name it with --blackboard"
        return [], [hint] if from_blackboard else []
    columns, notes = _columns(book, sheet)
    if not columns:
        return [], notes
    people = [column for column in BLACKBOARD_PEOPLE if column in sheet.header]
    rows = [[*people, *(column for _, column, _ in columns)]]
    absent = {id(person): person for person in book.people.members}
    for row in sheet.students:
        person = book.people.match(blackboard_id=sheet.field(row, "Username"))
        absent.pop(id(person), None)
        marks = [
            (book.mark(person, lab).in_scale(scale) if person else "") or sheet.field(row, column)
            for lab, column, scale in columns
        ]
        fields = {column: sheet.field(row, column) for column in people}
        rows.append([*(value if name == "Username" else text(value) for name, value in fields.items()), *marks])
    marked = {id(mark.person) for mark in book.marks.values() if mark.mark is not None}
    if lost := [book.label(one) for number, one in absent.items() if number in marked]:
        notes.append(f"{sheet.path} has no line of {listed(lost)}: their grades are not in Blackboard's file")
    path = folder / f"grades{sheet.path.suffix or '.csv'}"
    buffer = io.StringIO()
    delimiter = "," if path.suffix.lower() == ".csv" else "\t"
    csv.writer(buffer, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerows(rows)
    write_atomically(path, buffer.getvalue().encode(csv_files.encoding_of(sheet.path), "replace"), mode=0o600)
    return [path], notes


def _columns(book: Book, sheet: BlackboardSheet) -> tuple[list[tuple[LabGrades, str, float]], list[str]]:
    """Return by lab its column and Blackboard's points per point, and sentences for the instructor."""
    notes, columns = [], []
    for lab in book.labs:
        column = sheet.assignment(lab.name, book.title(lab))
        if column is None:
            notes.append(
                f"{lab.name}: {sheet.path} has no column of this name, so Blackboard's file leaves it out; the "
                "column `title` of deadlines.csv can state the name"
            )
            continue
        possible = sheet.possible(column) or lab.max_points
        if possible != lab.max_points:
            notes.append(
                f"{lab.name}: {lab.max_points:g} points become {possible:g} in Blackboard, its points possible"
            )
        columns.append((lab, column, possible / lab.max_points if lab.max_points else 1))
    return columns, notes
