"""Writing all reports; imported after the grading, because the plots take a second to import."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from eventlab.grading.reports import gradescope, html, tables
from eventlab.grading.results import SubmissionRecord


def write_all(records: Sequence[SubmissionRecord], output: Path, differences: Sequence[object] = ()) -> None:
    """Write all reports: the tables, Gradescope's results, each student's feedback, and the overview.

    Args:
        records: The records.
        output: The output folder.
        differences: What the audit of the grading found, for the overview.
    """
    tables.write(records, output)
    for record in records:
        gradescope.write(record, output)
        html.write_feedback(record, output)
    html.write_overview(records, output, differences)
