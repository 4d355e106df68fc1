"""Run the lessons in order on a new stack, and write the executed copies and a report."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import filelock

from eventlab.course import refresh, report
from eventlab.course.execute import NotebookResult, ReportCells, execute, no_report
from eventlab.errors import EventlabError
from eventlab.settings import ROOT, OwnSettings, Settings, settings
from eventlab.stack import environment, lifecycle
from eventlab.stack.services import COURSE

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
    report_phase: lifecycle.Report = no_report,
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
    report_phase: lifecycle.Report = no_report,
    folder: Path = BUILD / "run-stack",
    offsets: Sequence[int] = OFFSETS,
    services: Sequence[str] = COURSE,
) -> Iterator[Settings]:
    """Run a new stack under build/, and give this process its environment meanwhile.

    The stack takes the first port offset at which all of its ports are free, and ignores the user's own settings
    of ports and addresses.

    Args:
        report_phase: Receives what happens to each service.
        folder: The state folder; its content is deleted.
        offsets: The port offsets to try.
        services: The services to start.

    Yields:
        The settings of the stack.

    Raises:
        CourseRunError: No offset is free, or another run uses the folder.
    """
    with _lock(folder):
        own = _settings_on_free_ports(folder, offsets)
        lifecycle.down(own)  # an interrupted run may have left services
        shutil.rmtree(folder, ignore_errors=True)
        before = dict(os.environ)
        try:
            lifecycle.up(own, services, report_phase)
            environment.apply(own)
            yield own
        finally:
            os.environ.clear()
            os.environ.update(before)
            lifecycle.down(own, services, report_phase)


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Refuse a second run in the same folder, which would stop the first one's stack."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        with filelock.FileLock(folder.with_name(folder.name + ".lock"), timeout=0):
            yield
    except filelock.Timeout as error:
        raise CourseRunError(f"another run is using {folder}. Try again when it has ended") from error


def _settings_on_free_ports(folder: Path, offsets: Sequence[int]) -> Settings:
    for offset in offsets:
        own = OwnSettings(state_dir=folder, port_offset=offset, start_timeout_s=settings.start_timeout_s)
        left_over = any(status.pid for status in lifecycle.status(own, COURSE))
        if left_over or not lifecycle.taken_ports(own, COURSE):
            logger.info("Using port offset %d and the state folder %s", offset, folder)
            return own
    raise CourseRunError("the ports that the lessons need are in use by a running stack", "eventlab down")
