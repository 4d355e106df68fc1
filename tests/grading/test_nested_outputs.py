"""An output of many levels would end what is written about it: the record of its student, or all reports."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from eventlab.grading.execution.outputs import MAX_LEVELS, Capture, CellResult, OutputBudget
from eventlab.grading.reports.write_all import write_all
from eventlab.grading.results import SubmissionRecord
from eventlab.labs.student import ANSWER


def nested(levels: int) -> Any:
    """Return an empty list inside of so many lists."""
    value: list = []
    for _ in range(levels):
        value = [value]
    return value


def taken(data: dict[str, Any]) -> tuple[OutputBudget, CellResult]:
    """Return what is kept of a message with this data."""
    budget, result = OutputBudget(), CellResult("done")
    content = {"data": data, "metadata": {}}
    message = {
        "header": {"msg_type": "display_data"},
        "parent_header": {"msg_id": "1"},
        "msg_type": "display_data",
    }
    Capture(budget, result).take(message | {"content": content}, "1")
    return budget, result


def test_an_output_and_an_answer_of_many_levels_are_dropped() -> None:
    for levels in (MAX_LEVELS, 200, 460):
        budget, result = taken({"application/json": nested(levels)})
        assert (budget.answers, result.outputs) == ({}, [])
    assert taken({ANSWER: {"question": "q1", "value": nested(300)}})[0].answers == {}


def test_an_output_of_some_levels_is_kept() -> None:
    table = {"schema": {"fields": [{"name": "n", "constraints": {"enum": [[1, 2]]}}]}}
    assert taken({"application/vnd.dataresource+json": table})[1].outputs
    assert taken({ANSWER: {"question": "q1", "value": nested(10)}})[0].answers == {"q1": nested(10)}


def test_a_notebook_of_many_levels_costs_its_own_page_only(tmp_path: Path) -> None:
    path = tmp_path / "notebooks" / "ada.ipynb"
    path.parent.mkdir()
    path.write_text(json.dumps({"cells": [], "metadata": {"deep": nested(490)}}))
    write_all([SubmissionRecord("ada", "tiny", "graded", 8, 8, notebook="notebooks/ada.ipynb")], tmp_path)
    assert (tmp_path / "feedback" / "ada.html").exists()
