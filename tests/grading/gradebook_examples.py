"""Output folders of gradings, made from exports of platforms without a grader: each record has the same marks."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

from eventlab.grading import origins, results
from eventlab.grading.collect import find
from eventlab.grading.gradebook import book as books
from eventlab.grading.gradebook import deadlines
from eventlab.grading.gradebook.book import Book
from eventlab.grading.gradebook.people import People, read_roster
from eventlab.grading.gradebook.worksheets import (
    BlackboardSheet,
    CanvasSheet,
    read_blackboard,
    read_canvas,
    read_moodle,
)
from eventlab.grading.gradebook.write_all import Written, write_all
from eventlab.grading.results import CheckResult, Question, SubmissionRecord
from tests.grading.platform_exports import write

LAB = "lab01_events"


def record(student: str, lab: str = LAB, points: float | None = 8) -> SubmissionRecord:
    """Return a record of a lab with one question of 10 points."""
    if points is None:
        return SubmissionRecord(student, lab, "infrastructure_failed", None, 10)
    check = CheckResult("no event is missing", "q1", points == 10, points, 10, hint="`Read` all.", got="<b>7</b>")
    return SubmissionRecord(student, lab, "graded", points, 10, (Question("q1", points, 10, "", (check,)),))


def graded(
    folder: Path, export: Mapping[str, bytes], lab: str = LAB, points: Mapping[str, float | None] = {}
) -> Path:
    """Return an output folder with a record of each submission of an export: 8 of 10 points, or the given ones."""
    folder.mkdir(parents=True)
    submissions = find(write(folder / "export.zip", dict(export)), folder / ".submissions", lab)
    for one in submissions:
        results.save(record(one.student, lab, points.get(one.student, 8)), folder)
    origins.write(submissions, folder)
    return folder


def rows(path: Path) -> list[dict[str, str]]:
    """Return the lines of a CSV file."""
    return list(csv.DictReader(io.StringIO(path.read_text())))


def zip_files(path: Path) -> dict[str, bytes]:
    """Return the files of a zip."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


class Course:
    """A course in a folder: the folders of its labs, and the instructor's files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.labs: list[tuple[Path, str]] = []
        self.sheet: CanvasSheet | None = None
        self.grade_center: BlackboardSheet | None = None

    def grade(
        self, export: Mapping[str, bytes], *, moodle: str = "", lab: str = LAB, **points: float | None
    ) -> None:
        by_name = {name.replace("_", " "): value for name, value in points.items()}
        self.labs.append((graded(self.folder / lab, export, lab, by_name), moodle))

    def make(
        self, *, roster: str = "", due: str = "", canvas: str = "", blackboard: str = "", encoding: str = "utf-16"
    ) -> Book:
        people = People(read_roster(self.file("roster.csv", roster)), True) if roster else People()
        late = deadlines.read(self.file("deadlines.csv", due)) if due else deadlines.Deadlines()
        self.sheet = read_canvas(self.file("canvas.csv", canvas)) if canvas else None
        if blackboard:
            (self.folder / "gc.xls").write_text(blackboard, encoding=encoding)
        self.grade_center = read_blackboard(self.folder / "gc.xls") if blackboard else None
        labs = []
        for folder, text in self.labs:
            labs.append(books.read_lab(folder, read_moodle(self.file("moodle.csv", text)) if text else None))
        self.book = books.make(labs, people, late, [sheet for sheet in (self.sheet, self.grade_center) if sheet])
        return self.book

    def write(self) -> Written:
        return write_all(self.book, self.folder / "out", self.sheet, self.grade_center)

    def file(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        return path

    def marks(self) -> dict[str, str]:
        """Return `days late: mark` by name."""
        return {
            row["name"]: f"{row['days_late']}: {row['mark']}" for row in rows(self.folder / "out" / "marks.csv")
        }
