"""Execute notebooks: a whole one with papermill, or the first cells of a lesson to prepare its state."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from papermill.exceptions import PapermillExecutionError
from papermill.execute import execute_notebook

from eventlab.course.preparation import LessonError
from eventlab.stack.startup import no_report

logger = logging.getLogger(__name__)
logging.getLogger("papermill").setLevel(logging.CRITICAL)  # the result contains what it would log

ReportCells = Callable[[str, str, int, int], None]
"""Called with a notebook's name, its progress as a string, and its completed and all code cells."""

CELL_TIMEOUT_S = 300
PREPARE_CALL = "course.prepare("
KERNEL: dict[str, Any] = {
    "kernel_name": "python3",
    "shutdown_kernel": "immediate",  # a graceful end sometimes takes 3 s; Spark ends idle sessions
    "extra_arguments": ["--IPKernelApp.log_level=ERROR"],
}
PAPERMILL_OPTIONS: dict[str, Any] = KERNEL | {
    "progress_bar": False,
    "request_save_on_cell_execute": False,  # papermill saves twice per cell, 15 ms each
    "execution_timeout": CELL_TIMEOUT_S,
}


@dataclass(frozen=True)
class CellFailure:
    """The cell of a notebook that failed: its position from 1, its source, and the error's type and message."""

    cell: int
    source: str
    error: str


@dataclass(frozen=True)
class NotebookResult:
    """The executed copy of a notebook, its number of code cells, and whether the notebook itself was updated."""

    name: str
    node: NotebookNode
    cells: int
    seconds: float
    failure: CellFailure | None = None
    updated: bool = False


def execute(notebook: Path, output: Path, report_cells: ReportCells = no_report) -> NotebookResult:
    """Execute a notebook in its own folder, with this process's environment, and write the executed copy.

    A cell that fails is part of the result, not an exception.
    """
    logger.info("Executing %s", notebook)
    started, failure = time.monotonic(), None
    node = nbformat.read(notebook, as_version=4)
    total = sum(cell.cell_type == "code" for cell in node.cells)
    started_cells: list[NotebookNode] = []

    def report(done: int) -> None:
        report_cells(notebook.stem, f"{done}/{total} cells", done, total)

    def report_executed(cell: NotebookNode, cell_index: int, execute_reply: dict[str, Any]) -> None:
        if execute_reply["content"]["status"] == "ok":
            report(execute_reply["content"]["execution_count"])

    report(0)
    output.parent.mkdir(parents=True, exist_ok=True)
    try:
        execute_notebook(
            str(notebook),
            str(output),
            cwd=str(notebook.parent),
            on_cell_start=lambda cell, cell_index: started_cells.append(cell),
            on_cell_executed=report_executed,
            **PAPERMILL_OPTIONS,
        )
    except PapermillExecutionError as error:
        failure = CellFailure(error.cell_index + 1, error.source, f"{error.ename}: {error.evalue}")
    except (TimeoutError, RuntimeError) as error:  # nbclient: a cell timed out, or the kernel died
        node.cells[: len(started_cells)] = started_cells
        last = len(started_cells) or 1
        failure = CellFailure(last, node.cells[last - 1].source, f"{type(error).__name__}: {error}")
        nbformat.write(node, output)
    executed = nbformat.read(output, as_version=4)
    return NotebookResult(notebook.stem, executed, total, time.monotonic() - started, failure)


def prepare_lesson(lesson: Path) -> str:
    """Execute a lesson's cells up to `course.prepare` and return their output; raise LessonError if one fails."""
    node = nbformat.read(lesson, as_version=4)
    code = [cell for cell in node.cells if cell.cell_type == "code"]
    last = next((number for number, cell in enumerate(code) if PREPARE_CALL in cell.source), None)
    if last is None:
        return "It starts the stack itself and needs nothing else."
    node.cells = code[: last + 1]
    folder = {"metadata": {"path": str(lesson.parent)}}
    try:
        NotebookClient(node, timeout=CELL_TIMEOUT_S, resources=folder, **KERNEL).execute()
    except CellExecutionError as error:
        raise LessonError(f"{lesson.stem}: {error.evalue}") from None
    except (TimeoutError, RuntimeError) as error:  # nbclient: a cell timed out, or the kernel died
        raise LessonError(f"{lesson.stem}: {error}", "eventlab doctor") from error
    outputs = [output for cell in node.cells for output in cell.outputs]
    return "".join(output.text for output in outputs if output.get("name") == "stdout").strip()
