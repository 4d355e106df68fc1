"""What is kept of the outputs of a notebook: the student's process can send anything, as often as it likes."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.session import Session

from eventlab.grading.execution import outputs
from eventlab.grading.execution.outputs import Capture, CellResult, OutputBudget
from eventlab.labs.student import ANSWER


def message(kind: str, content: dict[str, Any]) -> dict[str, Any]:
    return {"header": {"msg_type": kind}, "parent_header": {"msg_id": "1"}, "msg_type": kind, "content": content}


def cells(*contents: tuple[str, dict[str, Any]], times: int = 1) -> tuple[OutputBudget, list[CellResult]]:
    """Send the same messages in several cells of one notebook."""
    budget, results = OutputBudget(), [CellResult("done") for _ in range(times)]
    for result in results:
        capture = Capture(budget, result)
        for kind, content in contents:
            capture.take(message(kind, content), "1")
    return budget, results


def shown(results: list[CellResult]) -> int:
    return sum(len(str(output)) for result in results for output in result.outputs)


def text(content: str, name: str = "stdout") -> tuple[str, dict[str, Any]]:
    return "stream", {"name": name, "text": content}


def data(kinds: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return "display_data", {"data": kinds, "metadata": {}}


def answer(question: str, value: Any) -> tuple[str, dict[str, Any]]:
    return data({ANSWER: {"question": question, "value": value}})


def test_the_text_of_all_cells_is_limited() -> None:
    _, results = cells(text("x" * 200_000), times=200)

    assert shown(results) < 1.1 * outputs.MAX_TEXT


def test_a_stream_has_one_of_two_names() -> None:
    _, [result] = cells(text("a"), text("b", name="x" * 1_000_000), text("c", name="stderr"))

    assert [(output.name, output.text) for output in result.outputs] == [("stdout", "ab"), ("stderr", "c")]


def test_the_number_of_outputs_is_limited() -> None:
    _, results = cells(*[text("a"), text("b", name="stderr")] * 500, times=50)

    assert {len(result.outputs) for result in results} == {outputs.MAX_OUTPUTS_OF_CELL, 0}
    assert sum(len(result.outputs) for result in results) == outputs.MAX_OUTPUTS


def test_an_output_of_very_many_values_is_dropped() -> None:
    _, [result] = cells(data({"application/json": [{}] * 300_000}))

    assert result.outputs == []


def test_the_last_answer_counts_and_replaces_the_earlier_ones() -> None:
    budget, _ = cells(*[answer("q1", ["x" * 1000] * 60)] * 100, answer("q1", 7), answer("q2", 8), times=10)

    assert budget.answers == {"q1": 7, "q2": 8}


def test_answers_to_very_many_questions_are_not_kept() -> None:
    budget, _ = cells(*[answer(f"q{number}", "x" * 60_000) for number in range(1000)])

    assert 100 < len(budget.answers) < 300


def test_a_kernel_shortens_a_message_that_is_larger_than_the_grader_accepts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(Path(outputs.__file__).parents[1] / "inside"))
    forked, session = importlib.import_module("forked"), Session(key=b"")
    forked.shorten_messages(session)
    small, large = (
        session.msg("display_data", {"data": {"text/plain": "x" * n}}) for n in (2_000_000, 40_000_000)
    )

    assert sum(map(len, session.serialize(small))) > 2_000_000
    assert sum(map(len, session.serialize(large))) < 2_000_000
    assert b"more output was dropped" in session.serialize(large)[-1]
