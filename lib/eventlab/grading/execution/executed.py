"""The executed notebook for the student, with all cells even when the execution stopped early."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import nbformat
from nbformat import NotebookNode

from eventlab.grading.execution.notebook import Matched, Step
from eventlab.grading.execution.outputs import CellResult
from eventlab.grading.execution.regrade import Run


def executed(matched: Matched, runs: Sequence[Run]) -> NotebookNode:
    """Return the notebook, each cell with its outputs from the first run with the student's code.

    A cell that came too late in the first run is shown as it ran beside the instructor's solutions; one that never
    ran is there without outputs and says so.
    """
    made = []
    count = 0
    for number, step in enumerate(matched.steps):
        cell = _cell(step)
        cell.id = f"cell-{number + 1:03}"
        if step.is_code and step.source.strip():
            run = _first(runs, number, step)
            if run is not None:
                count += 1
                cell.execution_count = count
                cell.outputs = [*_said(_how(run)), *run.results[number][1].outputs]
                cell.outputs += _said(_end(run.results[number][1]))
            else:
                cell.outputs = _said(_why_not(runs, step))
                cell.metadata["tags"] = ["not-executed"]
        made.append(cell)
    return nbformat.v4.new_notebook(cells=made)


def _cell(step: Step) -> NotebookNode:
    metadata: dict[str, Any] = {}
    if step.grade_id:
        metadata["eventlab"] = {"grade_id": step.grade_id, "question": step.question}
    make = nbformat.v4.new_code_cell if step.is_code else nbformat.v4.new_markdown_cell
    return make(step.source, metadata=metadata)


def _first(runs: Sequence[Run], number: int, step: Step) -> Run | None:
    """Return the first run that executed this step with the student's code."""
    for run in runs:
        if number < len(run.results) and not (step.own and step.question in run.broken):
            return run
    return None


def _how(run: Run) -> str:
    replaced = _names(run)
    return f"executed with the instructor's {replaced} in its place" if replaced else ""


def _end(result: CellResult) -> str:
    return {"timed_out": "stopped: it ran past its time", "died": "the kernel ended here"}.get(result.ended, "")


def _why_not(runs: Sequence[Run], step: Step) -> str:
    if any(step.own and step.question in run.broken for run in runs):
        return "not executed: the instructor's solution ran in its place"
    return "not executed: an earlier cell ended the notebook"


def _names(run: Run) -> str:
    return " and ".join(sorted(question for question in run.broken if question))


def _said(what: str) -> list[NotebookNode]:
    """Return an output with a sentence of the grader, or no output."""
    return [nbformat.v4.new_output("stream", name="stderr", text=f"[{what}]\n")] if what else []
