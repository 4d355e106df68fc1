"""Writing all reports of a class."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from eventlab.grading import adjustments
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
    names = {record.slug for record in records}
    for page in (output / html.FOLDER).glob("*.html"):
        if page.stem not in names:
            page.unlink()
    for results in (output / gradescope.FOLDER).glob("*/results.json"):
        if results.parent.name not in names:
            results.unlink()
            with suppress(OSError):  # a file of somebody else is in the folder
                results.parent.rmdir()
