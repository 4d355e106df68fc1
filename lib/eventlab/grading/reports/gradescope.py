"""The results.json of a student, in the format that Gradescope's autograder reads.

Source: https://gradescope-autograders.readthedocs.io/en/latest/specs/
"""

from __future__ import annotations

import json
from pathlib import Path

from eventlab.grading.reports.messages import STATUS, for_student, line
from eventlab.grading.results import CheckResult, SubmissionRecord, write_atomically

FOLDER = "gradescope"


def write(record: SubmissionRecord, output: Path) -> Path:
    """Write OUTPUT/gradescope/<slug>/results.json; without a mark, remove the file of an earlier grading."""
    target = output / FOLDER / record.slug / "results.json"
    if not record.has_mark:
        target.unlink(missing_ok=True)
        return target
    write_atomically(target, json.dumps(results(record), indent=2) + "\n")
    return target


def results(record: SubmissionRecord) -> dict[str, object]:
    """Return the score, one test per check, and what happened; a hidden check has only its name and hint."""
    notes = [f"{question.id}: {question.note}" for question in record.questions if question.note]
    return {
        "score": record.points,
        "execution_time": round(record.seconds),
        "output": "\n".join([STATUS[record.status], *record.notes, *notes]),
        "output_format": "text",
        "stdout_visibility": "hidden",
        "tests": [_test(check) for check in record.checks],
        "extra_data": {"lab": record.lab, "status": record.status, "sandboxed": record.sandboxed},
    }


def _test(check: CheckResult) -> dict[str, object]:
    return {
        "name": line(check.name),
        "number": check.question,
        "score": check.points,
        "max_score": check.max_points,
        "status": "passed" if check.passed else "failed",
        "output": for_student(check),
        "output_format": "text",
        "visibility": "visible",
    }
