"""Writing all reports of a class."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from eventlab.grading import adjustments, results
from eventlab.grading.reports import gradescope, html, marking, tables
from eventlab.grading.results import SubmissionRecord


def write_all(
    records: Sequence[SubmissionRecord],
    output: Path,
    differences: Sequence[object] = (),
    not_graded: Sequence[str] = (),
) -> list[SubmissionRecord]:
    """Write all reports, and return the records with the points and comments that a person gave.

    These are the tables, Gradescope's results, each student's feedback, the overview, and the texts to mark. What
    an earlier report wrote for students who are not in this one is deleted, so that a folder can be published.

    Args:
        records: The records.
        output: The output folder, in which `adjustments.csv` is read.
        differences: What the audit of the grading found, for the overview.
        not_graded: Students whose submission was not graded because the grading was stopped, for the overview.

    Raises:
        AdjustmentsError: `adjustments.csv` has mistakes; nothing is written.
    """
    adjusted = adjustments.of_records(records, output)
    tables.write(adjusted, output)
    marking.write(adjusted, output)
    _delete_others(adjusted, output)
    for record in adjusted:
        gradescope.write(record, output)
        html.write_feedback(record, output)
    html.write_overview(adjusted, output, differences, not_graded)
    return adjusted


def _delete_others(records: Sequence[SubmissionRecord], output: Path) -> None:
    """Delete the pages and results of students of an earlier report; their records are kept."""
    known = {path.stem for path in (output / results.FOLDER).glob("*.json")}
    for name in known - {record.slug for record in records}:
        (output / html.FOLDER / f"{name}.html").unlink(missing_ok=True)
        folder = output / gradescope.FOLDER / name
        (folder / "results.json").unlink(missing_ok=True)
        with suppress(OSError):  # it does not exist, or a file of somebody else is in it
            folder.rmdir()
