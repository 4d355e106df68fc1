"""One notebook in, one executed notebook out, through papermill's engine."""

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

Progress = Callable[[int, int], None]
"""Called with the number of code cells done and of all code cells."""

CELL_TIMEOUT_S = 300


@dataclass(frozen=True)
class Failure:
    """The first cell that failed: its position among all cells (from 1), its source, and the error."""

    cell: int
    source: str
    error: str


@dataclass(frozen=True)
class Result:
    """What came of one notebook; `failure` is None when every cell ran."""

    name: str
    node: NotebookNode
    cells: int
    seconds: float
    failure: Failure | None = None


class _ReportingEngine(NBClientEngine):
    """papermill's own engine, which also says how far it is."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **kwargs: Any) -> None:
        progress: Progress = kwargs.pop("progress")
        kwargs.pop("under_way").append(nb_man.nb)
        total = sum(cell.cell_type == "code" for cell in nb_man.nb.cells)
        done = 0
        complete = nb_man.cell_complete

        def count(cell: NotebookNode, **more: Any) -> None:
            nonlocal done
            complete(cell, **more)
            if cell.cell_type == "code":
                done += 1
                progress(done, total)

        nb_man.cell_complete = count
        progress(0, total)
        super().execute_managed_notebook(nb_man, kernel_name, **kwargs)


papermill_engines.register("eventlab", _ReportingEngine)
logging.getLogger("papermill").setLevel(logging.CRITICAL)  # what it would log is in the result


def execute(
    notebook: Path,
    output: Path,
    parameters: Mapping[str, object] | None = None,
    progress: Progress = lambda done, total: None,
) -> Result:
    """Execute a notebook into `output`; a cell that fails is part of the result, not an exception.

    The kernel runs in the notebook's own folder with this process's environment. It is ended at once when all
    cells are done: a graceful end sometimes takes 3 s, so notebooks stop their Spark session themselves.
    """
    started = time.monotonic()
    failure = None
    under_way: list[NotebookNode] = []
    output.parent.mkdir(parents=True, exist_ok=True)
    try:
        execute_notebook(
            str(notebook),
            str(output),
            parameters=dict(parameters or {}),
            engine_name="eventlab",
            kernel_name="python3",
            cwd=str(notebook.parent),
            progress_bar=False,
            request_save_on_cell_execute=False,
            execution_timeout=CELL_TIMEOUT_S,
            shutdown_kernel="immediate",
            extra_arguments=["--IPKernelApp.log_level=ERROR"],
            progress=progress,
            under_way=under_way,
        )
    except PapermillExecutionError as error:
        failure = Failure(error.cell_index + 1, error.source, f"{error.ename}: {error.evalue}")
    except (TimeoutError, RuntimeError) as error:  # nbclient: a cell past its time, a kernel that died
        reached = under_way[-1] if under_way else nbformat.read(notebook, as_version=4)
        failure = _failure_at_first_unexecuted(reached, error)
        nbformat.write(reached, output)
    node = nbformat.read(output, as_version=4)
    cells = sum(cell.cell_type == "code" for cell in node.cells)
    return Result(notebook.stem, node, cells, time.monotonic() - started, failure)


def _failure_at_first_unexecuted(node: NotebookNode, error: Exception) -> Failure:
    """After a dead kernel papermill calls every cell completed; only an execution count is to be believed."""
    for number, cell in enumerate(node.cells, start=1):
        if cell.cell_type == "code" and cell.source.strip() and cell.get("execution_count") is None:
            return Failure(number, cell.source, f"{type(error).__name__}: {error}")
    return Failure(len(node.cells), "", f"{type(error).__name__}: {error}")
