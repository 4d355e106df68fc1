"""The file `submissions.csv` of an output folder: who handed in which file, and when, as the export says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, fields
from pathlib import Path

from eventlab.grading import csv_files
from eventlab.grading.collect import Origin, Submission
from eventlab.grading.results import FOLDER, slug

NAME = "submissions.csv"
ORIGIN_COLUMNS = tuple(field.name for field in fields(Origin))
COLUMNS = ("record", "student", *ORIGIN_COLUMNS, "problem")


def write(submissions: Sequence[Submission], output: Path) -> None:
    """Write one line per submission; lines of earlier submissions that have a record stay."""
    rows = {slug(one.student): _row(one) for one in submissions}
    for record, row in _rows(output).items():
        if (output / FOLDER / f"{record}.json").exists():
            rows.setdefault(record, [row.get(column, "") for column in COLUMNS])
    csv_files.write(output / NAME, [COLUMNS, *(rows[record] for record in sorted(rows))])


def read(output: Path) -> dict[str, Origin]:
    """Return what is known about the submissions of an output folder, by the name of the record's file."""
    return {
        record: Origin(
            **{name: row.get(name, "") for name in ORIGIN_COLUMNS if name != "late"}, late=bool(row["late"])
        )
        for record, row in _rows(output).items()
    }


def _row(submission: Submission) -> list[str]:
    *origin, late = astuple(submission.origin)
    return [slug(submission.student), submission.student, *origin, "yes" if late else "", submission.problem]


def _rows(output: Path) -> dict[str, dict[str, str]]:
    if not (output / NAME).exists():
        return {}
    return {row["record"]: row for _, row in csv_files.read_columns(output / NAME, COLUMNS, COLUMNS)}
