"""The outputs of a cell, limited as they arrive: the student's process can send anything."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Literal

from nbformat import NotebookNode
from nbformat.v4 import output_from_msg

from eventlab.labs.student import ANSWER, LONGEST_ANSWER

Ended = Literal["done", "raised", "timed_out", "died"]

MOST_OUTPUT = 128 * 1024
"""Characters of text that are kept of a cell."""
MOST_RICH_OUTPUT = 16 * 1024 * 1024
"""Bytes of plots and tables that are kept of a notebook."""
MOST_ANSWERS = 200


@dataclass
class CellResult:
    """How a cell ended, its outputs and answers, and its error if it raised one.

    Attributes:
        kernel_ended: Whether the kernel ended with the cell.
    """

    ended: Ended
    outputs: list[NotebookNode] = field(default_factory=list)
    answers: list[dict[str, Any]] = field(default_factory=list)
    error: str = ""
    seconds: float = 0.0
    kernel_ended: bool = False


@dataclass
class OutputBudget:
    """How many bytes of outputs a notebook's cells have kept so far."""

    kept: int = 0


class Capture:
    """Keeps a cell's outputs up to a limit; the rest is received and dropped. Answers are always kept."""

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
            self._keep_text(str(content["text"]), str(content["name"]))
        elif kind in ("display_data", "execute_result", "error"):
            self._keep_rich(message)
        return False

    def _keep_text(self, text: str, name: str) -> None:
        left = MOST_OUTPUT - self.text
        if left <= 0:
            return
        self.text += len(text)
        if len(text) > left:
            text = f"{text[:left]}\n[more output was dropped]\n"
        outputs = self.result.outputs
        if outputs and outputs[-1].output_type == "stream" and outputs[-1].name == name:
            outputs[-1].text += text
        else:
            outputs.append(NotebookNode(output_type="stream", name=name, text=text))

    def _keep_rich(self, message: dict[str, Any]) -> None:
        """Keep plots, tables and errors up to the cap, and answers beyond it."""
        output = output_from_msg(message)
        answer = output.get("data", {}).get(ANSWER)
        size = len(json.dumps(message["content"]))
        if isinstance(answer, dict) and size <= 4 * LONGEST_ANSWER and len(self.result.answers) < MOST_ANSWERS:
            self.result.answers.append(answer)
        self.budget.kept += size
        if self.budget.kept <= MOST_RICH_OUTPUT:
            self.result.outputs.append(output)
