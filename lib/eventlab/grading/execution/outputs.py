"""The outputs of a cell, limited as they arrive: the student's process can send anything."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Literal

from nbformat import NotebookNode
from nbformat.v4 import output_from_msg

from eventlab.labs.student import ANSWER, MAX_ANSWER_CHARS

Ended = Literal["done", "raised", "timed_out", "died"]

MAX_OUTPUT = 128 * 1024
"""Characters of text that are kept of a cell."""
MAX_TEXT = 8 * 1024 * 1024
"""Characters of text that are kept of a notebook."""
MAX_OUTPUTS, MAX_OUTPUTS_OF_CELL = 20_000, 500
"""Outputs that are kept of a notebook and of a cell."""
MAX_RICH_OUTPUT = 16 * 1024 * 1024
"""Bytes of plots and tables that are kept of a notebook."""
MAX_VALUES = 200_000
"""Lists and objects in one output; in memory an empty one takes a hundred times its two bytes of JSON."""
MAX_LEVELS = 50
"""Levels of one output: with hundreds of them, a notebook that can be read cannot always be written."""
MAX_ANSWERS = 16 * 1024 * 1024
"""Bytes of the last answers to all questions."""


@dataclass
class CellResult:
    """How a cell ended, its outputs, and its error if it raised one.

    Attributes:
        started: When it began, in seconds since 1970.
        kernel_ended: Whether the kernel ended with the cell.
        delayed: Whether it waited long while other programs kept the processors from it (`fair_time.Delay`).
    """

    ended: Ended
    outputs: list[NotebookNode] = field(default_factory=list)
    error: str = ""
    seconds: float = 0.0
    started: float = 0.0
    kernel_ended: bool = False
    delayed: bool = False


@dataclass
class OutputBudget:
    """What the cells of a notebook have kept so far.

    Attributes:
        kept: Bytes of plots and tables.
        text: Characters of text.
        outputs: The number of outputs.
        answers: The last answer to each question.
        sizes: The bytes of each of these answers.
    """

    kept: int = 0
    text: int = 0
    outputs: int = 0
    answers: dict[str, Any] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)


class Capture:
    """Keeps a cell's outputs up to a limit; the rest is received and dropped."""

    def __init__(self, budget: OutputBudget, result: CellResult) -> None:
        self.budget, self.result = budget, result
        self.text = 0

    def take(self, message: dict[str, Any], request: str) -> bool:
        """Keep the output in a message and return whether the message says that the cell has ended."""
        if message["parent_header"].get("msg_id") != request:
            return False
        kind, content = message["msg_type"], message["content"]
        if kind == "status":
            return content.get("execution_state") == "idle"
        if kind == "stream":
            self._keep_text(str(content["text"]), "stderr" if content["name"] == "stderr" else "stdout")
        elif kind in ("display_data", "execute_result", "error"):
            self._keep_rich(message)
        return False

    def _keep_text(self, text: str, name: str) -> None:
        left = min(MAX_OUTPUT - self.text, MAX_TEXT - self.budget.text)
        if left <= 0 or not text:
            return
        self.text += len(text)
        self.budget.text += len(text)
        if len(text) > left:
            text = f"{text[:left]}\n[more output was dropped]\n"
        outputs = self.result.outputs
        if outputs and outputs[-1].output_type == "stream" and outputs[-1].name == name:
            outputs[-1].text += text
        elif self._has_room():
            self._keep(NotebookNode(output_type="stream", name=name, text=text))

    def _keep_rich(self, message: dict[str, Any]) -> None:
        """Keep plots, tables and errors up to the limits of the notebook, and answers beyond them."""
        content = json.dumps(message["content"])
        self.budget.kept += len(content)
        if content.count("{") + content.count("[") > MAX_VALUES or has_too_many_levels(message["content"]):
            return
        answer = (message["content"].get("data") or {}).get(ANSWER)
        if isinstance(answer, dict) and len(content) <= 4 * MAX_ANSWER_CHARS:
            self._keep_answer(answer, len(content))
        if self.budget.kept <= MAX_RICH_OUTPUT and self._has_room():
            self._keep(output_from_msg(message))

    def _keep_answer(self, answer: dict[str, Any], size: int) -> None:
        """Keep an answer in the place of an earlier one to the same question."""
        question, sizes = answer.get("question"), self.budget.sizes
        if isinstance(question, str) and sum(sizes.values()) - sizes.get(question, 0) + size <= MAX_ANSWERS:
            self.budget.answers[question], sizes[question] = answer.get("value"), size

    def _has_room(self) -> bool:
        return len(self.result.outputs) < MAX_OUTPUTS_OF_CELL and self.budget.outputs < MAX_OUTPUTS

    def _keep(self, output: NotebookNode) -> None:
        self.budget.outputs += 1
        self.result.outputs.append(output)


def has_too_many_levels(value: Any) -> bool:
    """Return whether lists and objects are nested in more than MAX_LEVELS levels."""
    parts = [value]
    for _ in range(MAX_LEVELS):
        parts = [
            inner
            for part in parts
            if isinstance(part, dict | list)
            for inner in (part.values() if isinstance(part, dict) else part)
        ]
    return any(isinstance(part, dict | list) for part in parts)
