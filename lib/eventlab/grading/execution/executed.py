"""The executed notebook for the student: all cells, with the outputs of the first run only.

Further runs may contain what the instructor's solution produced, so their outputs are not shown. The notebook has
what papermill writes: a cell with the injected parameters, and in the metadata `papermill` of the notebook and of
each cell its status, times and whether it raised an exception. A cell that did not run is `pending`.
Source: papermill's `engines.py`, `NotebookExecutionManager`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import nbformat
from nbformat import NotebookNode

from eventlab.grading.execution.notebook import Matched, Step
from eventlab.grading.execution.outputs import CellResult
from eventlab.grading.execution.run import Run, best, injected
from eventlab.labs.release import METADATA


def executed(matched: Matched, runs: Sequence[Run], name: str = "submission.ipynb") -> NotebookNode:
    """Return the notebook with the outputs of the first run; a cell that did not run then says so.

    Args:
        matched: The steps.
        runs: The runs.
        name: The notebook's file name, for its metadata.
    """
    first = runs[0]
    made = []
    for number, step in enumerate(matched.steps):
        if step.parameters and first.parameters:
            made.append(_executed_cell(step, first.defaults, ["parameters"]))
            made.append(
                _executed_cell(
                    Step("code", injected(first.parameters)), first.results.get(number), ["injected-parameters"]
                )
            )
            continue
        cell = _executed_cell(step, first.results.get(number), ["parameters"] if step.parameters else [])
        if step.is_code and step.own and not step.is_added and step.source.strip():
            cell.outputs += _sentence(_further_run(runs, step))
        made.append(cell)
    count = 0
    for number, cell in enumerate(made):
        cell.id = f"cell-{number + 1:03}"
        if cell.cell_type == "code" and cell.execution_count:
            cell.execution_count = count = count + 1
    return nbformat.v4.new_notebook(cells=made, metadata={**METADATA, "papermill": _of_notebook(first, name)})


def _executed_cell(step: Step, result: CellResult | None, tags: list[str]) -> NotebookNode:
    """Return the cell of a step with its outputs, or with a sentence when it did not run."""
    cell = _cell(step)
    cell.metadata["papermill"] = _of_cell(
        result, "pending" if step.is_code and step.source.strip() else "completed"
    )
    if step.is_code and step.source.strip():
        if result is not None:
            cell.execution_count = 1  # numbered later
            cell.outputs = [*result.outputs, *_sentence(_end(result))]
        else:
            cell.outputs = _sentence("not executed: an earlier cell ended the notebook")
            tags = [*tags, "not-executed"]
    if tags:
        cell.metadata["tags"] = tags
    return cell


def _cell(step: Step) -> NotebookNode:
    metadata: dict[str, Any] = {}
    if step.grade_id:
        metadata["eventlab"] = {"grade_id": step.grade_id, "question": step.question}
    make = nbformat.v4.new_code_cell if step.is_code else nbformat.v4.new_markdown_cell
    return make(step.source, metadata=metadata)


def _of_cell(result: CellResult | None, otherwise: str) -> dict[str, Any]:
    """Return papermill's metadata of a cell; `otherwise` is the status of a cell without a result."""
    if result is None:
        return {"exception": None, "start_time": None, "end_time": None, "duration": None, "status": otherwise}
    failed = result.ended != "done"
    return _times(result.started, result.seconds) | {
        "exception": failed,
        "status": "failed" if failed else "completed",
    }


def _of_notebook(run: Run, name: str) -> dict[str, Any]:
    """Return papermill's metadata of the notebook."""
    results = [*([run.defaults] if run.defaults else []), *run.results.values()]
    start = min((result.started for result in results), default=0.0)
    end = max((result.started + result.seconds for result in results), default=start)
    return {
        "default_parameters": {},
        "environment_variables": {},
        "exception": True if any(result.ended != "done" for result in results) else None,
        "input_path": name,
        "output_path": name,
        "parameters": dict(run.parameters),
        "version": version("papermill"),
        **_times(start, end - start),
    }


def _times(started: float, seconds: float) -> dict[str, Any]:
    begin, end = (datetime.fromtimestamp(at, UTC).isoformat() for at in (started, started + seconds))
    return {"start_time": begin, "end_time": end, "duration": round(seconds, 6)}


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
