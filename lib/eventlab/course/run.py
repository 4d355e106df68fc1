"""The course from the first notebook to the last on a fresh stack of its own, which is gone afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from eventlab.course.execute import Result, execute
from eventlab.errors import EventlabError
from eventlab.settings import ROOT, Settings, settings
from eventlab.stack import fresh_stack
from eventlab.stack.services import COURSE
from eventlab.stack.startup import Report, no_report

NOTEBOOKS = ROOT / "notebooks"
BUILD = ROOT / "build"
OFFSETS = (0, 500, 600, 700)

Progress = Callable[[str, int, int], None]
"""Called with a notebook's name, its code cells done and all its code cells."""


class WalkError(EventlabError):
    """The course can't be walked: no such notebook, or a cell failed."""


def lessons(names: Sequence[str] = ()) -> list[Path]:
    """The course's notebooks in reading order; each name picks those that begin with it (`05`, `05_filter`)."""
    found = sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
    if unknown := [name for name in names if not any(path.stem.startswith(name) for path in found)]:
        raise WalkError(
            f"no notebook begins with {', '.join(unknown)}; there are: {', '.join(p.stem for p in found)}"
        )
    return [path for path in found if not names or any(path.stem.startswith(name) for name in names)]


def walk(notebooks: Sequence[Path], output: Path, progress: Progress) -> Iterator[Result]:
    """Execute the notebooks one after the other into `output`; the first failure is the last result."""
    for notebook in notebooks:
        result = execute(
            notebook,
            output / notebook.name,
            progress=lambda done, total, name=notebook.stem: progress(name, done, total),  # type: ignore[misc]
        )
        yield result
        if result.failure:
            return


@contextmanager
def own_stack(
    report: Report = no_report,
    folder: Path = BUILD / "run-stack",
    offsets: Sequence[int] = OFFSETS,
    services: Sequence[str] = COURSE,
) -> Iterator[Settings]:
    """Run a fresh stack below build/, beside the user's, with the user's start timeout.

    Raises:
        StackError: No offset has free ports, another process uses the folder, or a service did not start.
    """
    with fresh_stack(folder, offsets, services, report, start_timeout_s=settings.start_timeout_s) as stack:
        yield stack.settings
