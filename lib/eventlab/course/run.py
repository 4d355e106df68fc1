"""Run the lessons in order on a new stack, and write the executed copies and a report."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from eventlab.course import refresh, report
from eventlab.course.execute import NotebookResult, ReportCells, execute
from eventlab.errors import EventlabError
from eventlab.files import delete_folder
from eventlab.lessons import beginning
from eventlab.settings import ROOT
from eventlab.stack import fresh_stack
from eventlab.stack.startup import ReportService, no_report

NOTEBOOKS = ROOT / "notebooks"
STACK_FOLDER = ROOT / "build" / "run-stack"
OFFSETS = (500, 600, 700, 800)
"""Not the default ports, which the user's own stack needs."""
IN_PLACE_OFFSETS = (0,)
"""The committed outputs show the default ports."""


class CourseRunError(EventlabError):
    """The lessons cannot be run: there is no such notebook, or a cell failed."""


def find_lessons(names: Sequence[str] = ()) -> list[Path]:
    """Return the course's notebooks in order: all, or those that begin with a name like `05_filter`, `05` or `5`.

    Raises:
        CourseRunError: No notebook begins with one of the names.
    """
    lessons = sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
    if unknown := [name for name in names if not any(path.stem.startswith(beginning(name)) for path in lessons)]:
        existing = ", ".join(path.stem for path in lessons)
        raise CourseRunError(f"no notebook begins with {', '.join(unknown)}; there are: {existing}")
    return [path for path in lessons if not names or path.stem.startswith(tuple(map(beginning, names)))]


def run_course(
    notebooks: Sequence[Path],
    output: Path,
    report_service: ReportService = no_report,
    report_cells: ReportCells = no_report,
    *,
    in_place: bool = False,
) -> list[NotebookResult]:
    """Execute notebooks in order on a new stack, and write the executed copies and `report.html` into a folder.

    With `in_place`, the outputs of the notebooks themselves are updated when all have completed.

    Raises:
        CourseRunError: A cell failed; the message names it, the executed copy and the services' logs.
    """
    results: list[NotebookResult] = []
    offsets = IN_PLACE_OFFSETS if in_place else OFFSETS
    with fresh_stack(STACK_FOLDER, offsets, report=report_service) as stack:
        for notebook in notebooks:
            results.append(execute(notebook, output / notebook.name, report_cells))
            if results[-1].failure:
                break
        report.write(results, output / "report.html")
        if results and (failure := results[-1].failure):
            delete_folder(output / "logs")
            logs = shutil.copytree(stack.settings.state_dir / "logs", output / "logs")
            raise CourseRunError(
                f"{notebook.stem}, cell {failure.cell}: {failure.error.strip()}\n\n{failure.source}\n\n"
                f"The executed copy: {output / notebook.name}\nThe services' logs: {logs}",
                f"eventlab run {notebook.stem}",
            )
    if not in_place:
        return results
    pairs = zip(notebooks, results, strict=True)
    return [replace(result, updated=refresh.update_outputs(notebook, result.node)) for notebook, result in pairs]
