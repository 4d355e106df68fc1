"""Execute one notebook with papermill's engine."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from papermill.engines import NBClientEngine, papermill_engines
from papermill.exceptions import PapermillExecutionError
from papermill.execute import execute_notebook

logger = logging.getLogger(__name__)

ReportCells = Callable[[str, str, int, int], None]
"""Called with a notebook's name, its progress as a text, and its completed and all code cells."""

CELL_TIMEOUT_S = 300
OPTIONS: dict[str, Any] = {
    "engine_name": "eventlab",
    "kernel_name": "python3",
    "progress_bar": False,
    "request_save_on_cell_execute": False,
    "execution_timeout": CELL_TIMEOUT_S,
    "shutdown_kernel": "immediate",  # a graceful end sometimes takes 3 s; notebooks stop their Spark session
    "extra_arguments": ["--IPKernelApp.log_level=ERROR"],
}
"""papermill's and nbclient's options."""


def no_report(*_: object) -> None:
    """Ignore the progress."""


@dataclass(frozen=True)
class CellFailure:
    """The first cell of a notebook that failed.

    Attributes:
        cell: Its position among all cells, from 1.
        source: Its source.
        error: The error's type and message.
    """

    cell: int
    source: str
    error: str


@dataclass(frozen=True)
class NotebookResult:
    """The result of one notebook.

    Attributes:
        name: The notebook's name without `.ipynb`.
        node: The executed notebook.
        cells: The number of its code cells.
        seconds: The duration of the execution.
        failure: The cell that failed, or None.
        updated: Whether the outputs of the notebook itself were updated.
    """

    name: str
    node: NotebookNode
    cells: int
    seconds: float
    failure: CellFailure | None = None
    updated: bool = False


class _ReportingEngine(NBClientEngine):
    """papermill's own engine, which also reports each completed cell."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **kwargs: Any) -> None:
        """Execute the cells; called by papermill."""
        report: Callable[[int, int], None] = kwargs.pop("report")
        kwargs.pop("notebooks").append(nb_man.nb)
        total = sum(cell.cell_type == "code" for cell in nb_man.nb.cells)
        done = 0
        complete = nb_man.cell_complete

        def complete_and_report(cell: NotebookNode, **more: Any) -> None:
            nonlocal done
            complete(cell, **more)
            if cell.cell_type == "code" and not cell.metadata.papermill["exception"]:
                done += 1
                report(done, total)

        nb_man.cell_complete = complete_and_report
        report(0, total)
        super().execute_managed_notebook(nb_man, kernel_name, **kwargs)


papermill_engines.register("eventlab", _ReportingEngine)
logging.getLogger("papermill").setLevel(logging.CRITICAL)  # the result contains what it would log


def execute(
    notebook: Path,
    output: Path,
    parameters: Mapping[str, object] | None = None,
    report_cells: ReportCells = no_report,
) -> NotebookResult:
    """Execute a notebook in its own folder, with this process's environment, and write the executed copy.

    Args:
        notebook: The notebook; it is not changed.
        output: The file for the executed copy.
        parameters: Values for the cell tagged `parameters`.
        report_cells: Receives the progress.

    Returns:
        The result; a cell that fails is part of it, not an exception.
    """
    logger.info("Executing %s", notebook)
    started = time.monotonic()
    failure = None
    notebooks: list[NotebookNode] = []
    output.parent.mkdir(parents=True, exist_ok=True)
    try:
        execute_notebook(
            str(notebook),
            str(output),
            parameters=dict(parameters or {}),
            cwd=str(notebook.parent),
            report=lambda done, total: report_cells(notebook.stem, f"{done}/{total} cells", done, total),
            notebooks=notebooks,
            **OPTIONS,
        )
    except PapermillExecutionError as error:
        failure = CellFailure(error.cell_index + 1, error.source, f"{error.ename}: {error.evalue}")
    except (TimeoutError, RuntimeError) as error:  # nbclient: a cell timed out, or the kernel died
        interrupted = notebooks[-1] if notebooks else nbformat.read(notebook, as_version=4)
        failure = _failure_at_first_unexecuted(interrupted, error)
        nbformat.write(interrupted, output)
    node = nbformat.read(output, as_version=4)
    cells = sum(cell.cell_type == "code" for cell in node.cells)
    return NotebookResult(notebook.stem, node, cells, time.monotonic() - started, failure)


def _failure_at_first_unexecuted(node: NotebookNode, error: Exception) -> CellFailure:
    """Return the failure of the first cell without an execution count.

    After a dead kernel papermill marks every cell as completed, so its own status cannot be used.
    """
    for number, cell in enumerate(node.cells, start=1):
        if cell.cell_type == "code" and cell.source.strip() and cell.get("execution_count") is None:
            return CellFailure(number, cell.source, f"{type(error).__name__}: {error}")
    return CellFailure(len(node.cells), "", f"{type(error).__name__}: {error}")
