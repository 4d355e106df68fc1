"""Run the lessons in order on a new stack, and write the executed copies and a report."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from eventlab.course import refresh, report
from eventlab.course.execute import NotebookResult, ReportCells, execute, no_report
from eventlab.errors import EventlabError
from eventlab.settings import ROOT, Settings, settings
from eventlab.stack import fresh_stack
from eventlab.stack.services import COURSE
from eventlab.stack.startup import Report

logger = logging.getLogger(__name__)

NOTEBOOKS = ROOT / "notebooks"
BUILD = ROOT / "build"
OFFSETS = (0, 500, 600, 700)
IN_PLACE_OFFSETS = (0,)
"""The committed outputs show the default ports."""


class CourseRunError(EventlabError):
    """The lessons cannot be run: there is no such notebook, the stack cannot start, or a cell failed."""


def find_lessons(names: Sequence[str] = ()) -> list[Path]:
    """Return the course's notebooks in reading order.

    Args:
        names: Beginnings of the names of the notebooks to select (`05`, `05_filter`); all notebooks without one.

    Raises:
        CourseRunError: No notebook begins with one of the names.
    """
    lessons = sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
    if unknown := [name for name in names if not any(path.stem.startswith(name) for path in lessons)]:
        existing = ", ".join(path.stem for path in lessons)
        raise CourseRunError(f"no notebook begins with {', '.join(unknown)}; there are: {existing}")
    return [path for path in lessons if not names or path.stem.startswith(tuple(names))]


def run_course(
    notebooks: Sequence[Path],
    output: Path,
    report_phase: Report = no_report,
    report_cells: ReportCells = no_report,
    *,
    in_place: bool = False,
) -> list[NotebookResult]:
    """Execute notebooks in order on a new stack and stop that stack.

    Args:
        notebooks: The notebooks.
        output: The folder for the executed copies and `report.html`.
        report_phase: Receives what happens to each service.
        report_cells: Receives the progress of each notebook.
        in_place: Also update the outputs of the notebooks themselves, when all have completed.

    Raises:
        CourseRunError: A cell failed; the message names it, the executed copy and the services' logs.
    """
    with own_stack(report_phase, offsets=IN_PLACE_OFFSETS if in_place else OFFSETS) as stack_settings:
        results = run_notebooks(notebooks, output, report_cells)
        report.write(results, output / "report.html")
        if results and results[-1].failure:
            raise _cell_error(results[-1], output, _copy_logs(stack_settings, output))
    if not in_place:
        return results
    pairs = zip(notebooks, results, strict=True)
    return [replace(result, updated=refresh.update_outputs(notebook, result.node)) for notebook, result in pairs]


def run_notebooks(
    notebooks: Sequence[Path], output: Path, report_cells: ReportCells = no_report
) -> list[NotebookResult]:
    """Execute notebooks into a folder, and stop after the first one that fails."""
    results: list[NotebookResult] = []
    for notebook in notebooks:
        results.append(execute(notebook, output / notebook.name, report_cells=report_cells))
        if results[-1].failure:
            break
    return results


def _copy_logs(stack_settings: Settings, output: Path) -> Path:
    """Copy the services' logs, which are deleted with the stack, and return the copy's folder."""
    logs = output / "logs"
    shutil.rmtree(logs, ignore_errors=True)
    shutil.copytree(stack_settings.state_dir / "logs", logs)
    return logs


def _cell_error(result: NotebookResult, output: Path, logs: Path) -> CourseRunError:
    failure = result.failure
    assert failure
    return CourseRunError(
        f"{result.name}, cell {failure.cell}: {failure.error.strip()}\n\n{failure.source}\n\n"
        f"The executed copy: {output / result.name}.ipynb\nThe services' logs: {logs}",
        f"eventlab run {result.name}",
    )


@contextmanager
def own_stack(
    report_phase: Report = no_report,
    folder: Path = BUILD / "run-stack",
    offsets: Sequence[int] = OFFSETS,
    services: Sequence[str] = COURSE,
) -> Iterator[Settings]:
    """Run a fresh stack below build/, beside the user's, with the user's start timeout.

    Raises:
        StackError: No offset has free ports, another process uses the folder, or a service did not start.
    """
    with fresh_stack(folder, offsets, services, report_phase, start_timeout_s=settings.start_timeout_s) as stack:
        yield stack.settings
