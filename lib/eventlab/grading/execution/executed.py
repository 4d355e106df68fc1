"""The executed notebook for the student: all cells, with the outputs of the first run only.

Further runs may contain what the instructor's solution produced, so their outputs are not shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import nbformat
from nbformat import NotebookNode

from eventlab.grading.execution.notebook import Matched, Step
from eventlab.grading.execution.outputs import CellResult
from eventlab.grading.execution.regrade import Run, best


def executed(matched: Matched, runs: Sequence[Run]) -> NotebookNode:
    """Return the notebook with the outputs of the first run; a cell that did not run then says so."""
    made = []
    count = 0
    for number, step in enumerate(matched.steps):
        cell = _cell(step)
        cell.id = f"cell-{number + 1:03}"
        if step.is_code and step.source.strip():
            result = runs[0].results.get(number)
            if result is not None:
                count += 1
                cell.execution_count = count
                cell.outputs = [*result.outputs, *_sentence(_end(result))]
            else:
                cell.outputs = _sentence("not executed: an earlier cell ended the notebook")
                cell.metadata["tags"] = ["not-executed"]
            if step.own and not step.is_added:
                cell.outputs += _sentence(_further_run(runs, step))
        made.append(cell)
    return nbformat.v4.new_notebook(cells=made)


def _cell(step: Step) -> NotebookNode:
    metadata: dict[str, Any] = {}
    if step.grade_id:
        metadata["eventlab"] = {"grade_id": step.grade_id, "question": step.question}
    make = nbformat.v4.new_code_cell if step.is_code else nbformat.v4.new_markdown_cell
    return make(step.source, metadata=metadata)


def _end(result: CellResult) -> str:
    return {"timed_out": "stopped: it ran past its time limit", "died": "the kernel ended here"}.get(
        result.ended, ""
    )


def _further_run(runs: Sequence[Run], step: Step) -> str:
    """Return which further run counts for the question of a step, or "" when the first one does."""
    run = best(runs, step.question) if step.question else None
    if run is None or run is runs[0]:
        return ""
    replaced = " and ".join(sorted(run.omissions.replaced))
    cause = f"with the instructor's result of {replaced}" if replaced else "without the cell that ended this one"
    return f"graded in another run, {cause}; its outputs are not shown"


def _sentence(text: str) -> list[NotebookNode]:
    """Return an output with a sentence of the grader, or no output."""
    return [nbformat.v4.new_output("stream", name="stderr", text=f"[{text}]\n")] if text else []
