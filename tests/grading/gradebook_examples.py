"""Output folders of gradings, made from exports of platforms without a grader: each record has the same marks."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

from eventlab.grading import results
from eventlab.grading.collect import find
from eventlab.grading.gradebook import origins
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
