"""The files to upload to Moodle: the grading worksheet with grades, and a zip with a feedback file per student.

Moodle finds a student of the zip by the number in `NAME_NUMBER_assignsubmission_file`, a folder's name. Sources:
`mod/assign/feedback/file/importziplib.php` and `mod/assign/feedback/offline/importgradeslib.php` of
https://github.com/moodle/moodle
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from eventlab.files import write_zip
from eventlab.grading import csv_files
from eventlab.grading.gradebook.book import LabGrades, Mark, listed
from eventlab.grading.gradebook.worksheets import MoodleSheet, decimal
from eventlab.grading.reports.messages import number

COLUMNS = ("Identifier", "Full name", "Grade", "Last modified (grade)", "Feedback comments")


def write(
    lab: LabGrades, marks: Sequence[Mark], page: Callable[[Mark], str], folder: Path
) -> tuple[list[Path], list[str]]:
    """Write the files of a lab, if any student has an id of Moodle; return them, and sentences for the instructor.

    Args:
        lab: The lab.
        marks: Its marks, one per person.
        page: Returns the feedback page of a mark with a record.
        folder: Where the files are written.
    """
    ids = {id(mark): moodle_id(lab, mark) for mark in marks}
    with_id = [mark for mark in marks if ids[id(mark)]]
    if not with_id:
        return [], []
    table, scale, notes = folder / f"{lab.name}_grades.csv", 1.0, []
    if lab.sheet:
        maximum = _maximum(lab.sheet) or lab.max_points
        scale = maximum / lab.max_points if lab.max_points else 1
        if scale != 1:
            notes.append(f"{lab.name}: {lab.max_points:g} points become {maximum:g} in Moodle, its maximum grade")
        comments = {lab.sheet.columns["comments"]} if "comments" in lab.sheet.columns else set()
        csv_files.write(table, _filled(lab.sheet, {ids[id(mark)]: mark for mark in with_id}, scale), comments)
        unknown = [mark for mark in marks if mark.mark is not None and not lab.sheet.row_of(ids[id(mark)])]
        if unknown:
            notes.append(
                f"{lab.name}: {lab.sheet.path} has no line of {listed([mark.person.label for mark in unknown])}: "
                "their grades are not in the file for Moodle. Is it the worksheet of this assignment?"
            )
    else:
        rows = [
            [f"Participant {ids[id(m)]}", m.person.label, _grade(m, 1, "."), "-", _comment(m)] for m in with_id
        ]
        csv_files.write(table, [COLUMNS, *rows])
        notes.append(f"{lab.name}: the maximum grade of the assignment in Moodle must be {lab.max_points:g}")
    pages = (
        (f"{_folder(mark.person.label, ids[id(mark)])}/{lab.name}.html", page(mark).encode("utf-8", "replace"))
        for mark in with_id
        if mark.record
    )
    return [table, write_zip(folder / f"{lab.name}_feedback.zip", pages)], notes


def moodle_id(lab: LabGrades, mark: Mark) -> str:
    """Return the number of a person in a lab's assignment, from the export's names or the worksheet, or ""."""
    if mark.origin.platform == "moodle" and mark.origin.id.isdigit():
        is_anothers = lab.sheet and lab.sheet.row_of(mark.origin.id) and not lab.row(mark.origin)
        return "" if is_anothers else mark.origin.id
    row = lab.sheet.row_for(mark.person) if lab.sheet else None
    return row.id if row else ""


def _folder(name: str, id: str) -> str:
    """Return the name of a student's folder; the name must not contain `_`, which ends it."""
    plain = re.sub(r"[_/\\\x00-\x1f]+", " ", name).strip(". ")[:100]
    return f"{plain}_{id}_assignsubmission_file"


def summaries(max_points: float) -> re.Pattern[str]:
    """Return a pattern for each `Mark.summary` of a lab, which a worksheet contains that was uploaded before."""
    return re.compile(
        rf" *[\d.]+ of {re.escape(number(max_points))} points(?: so far: [^.]* not marked yet)?\."
        r"(?: The work earned [\d.]+ points; handed in \d+ days? late, which costs [\d.]+ points\.)?"
    )


def _maximum(sheet: MoodleSheet) -> float | None:
    return next((value for row in sheet.table[1:] if (value := decimal(sheet.field(row, "maximum")))), None)


def _filled(sheet: MoodleSheet, marks: dict[str, Mark], scale: float) -> list[list[str]]:
    """Return the worksheet with grades, and each mark after the comment that a person wrote.

    Lines without a mark stay as they are.
    """
    separator = "," if any("," in sheet.field(row, "maximum") for row in sheet.table[1:]) else "."
    filled = [sheet.table[0]]
    for row in sheet.table[1:]:
        row, digits = list(row), re.search(r"\d+$", row[0].strip()) if row else None
        mark = marks.get(digits[0]) if digits else None
        if mark and mark.mark is not None:
            row += [""] * (len(sheet.table[0]) - len(row))
            row[sheet.columns["grade"]] = _grade(mark, scale, separator)
            if "comments" in sheet.columns:
                comment = summaries(mark.lab.max_points).sub("", row[sheet.columns["comments"]]).strip()
                row[sheet.columns["comments"]] = f"{comment} {mark.summary}".lstrip()
        filled.append(row)
    return filled


def _grade(mark: Mark, scale: float, separator: str) -> str:
    return "" if mark.mark is None else f"{mark.mark * scale:.2f}".replace(".", separator)


def _comment(mark: Mark) -> str:
    return "" if mark.mark is None else mark.summary
