"""Writing all reports; imported after the grading, because the plots take a second to import."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from eventlab.grading.reports import feedback, gradescope, overview, tables
from eventlab.grading.results import SubmissionRecord


def write_all(records: Sequence[SubmissionRecord], output: Path) -> None:
    """Write all reports: the tables, Gradescope's results, each student's feedback, and the overview."""
    tables.write(records, output)
    for record in records:
        gradescope.write(record, output)
        feedback.write(record, output)
    overview.write(records, output)
