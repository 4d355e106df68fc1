"""The results.json of a student, in the format that Gradescope's autograder reads.

Source: https://gradescope-autograders.readthedocs.io/en/latest/specs/
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from eventlab.grading.reports.messages import NOT_MARKED, STATUS, clean, for_student, line, remarks
from eventlab.grading.results import CheckResult, Question, SubmissionRecord, write_atomically

FOLDER = "gradescope"


def write(record: SubmissionRecord, output: Path) -> Path:
    """Write OUTPUT/gradescope/<slug>/results.json; without a mark, remove the file of an earlier grading."""
    target = output / FOLDER / record.slug / "results.json"
    if not record.has_mark:
        target.unlink(missing_ok=True)
        return target
    write_atomically(target, json.dumps(results(record), indent=2) + "\n")
    return target


def results(record: SubmissionRecord) -> dict[str, Any]:
    """Return the score, one test per check and text question, and what happened.

    A hidden check has only its name and hint. A text question without a mark has no score.
    """
    judged = [question for question in record.questions if not question.rubric]
    notes = [f"{question.id}: {remark}" for question in judged for remark in remarks(question)]
    notes += [clean(record.comment)] if record.comment else []
    return {
        "score": record.points,
        "execution_time": round(record.seconds),
        "output": "\n".join([STATUS[record.status], *map(clean, record.notes), *notes]),
        "output_format": "text",
        "stdout_visibility": "hidden",
        "tests": [test for question in record.questions for test in _tests(question)],
        "extra_data": {"lab": record.lab, "status": record.status, "sandboxed": record.sandboxed},
    }


def _tests(question: Question) -> list[dict[str, object]]:
    if not question.rubric:
        return [_test(check) for check in question.checks]
    shown = {
        "name": "marked by a person",
        "number": question.id,
        "max_score": question.max_points,
        "output": "\n".join(remarks(question)) or NOT_MARKED,
        "output_format": "text",
        "visibility": "visible",
    }
    return [shown if question.points is None else shown | {"score": question.points, "status": "passed"}]


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
