"""The course from the first notebook to the last on a fresh stack of its own, which is gone afterwards."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from eventlab.notebooks.execute import Result, execute
from eventlab.settings import ROOT, Settings
from eventlab.stack import environment, life, ports
from eventlab.stack.services import COURSE, SERVICES

NOTEBOOKS = ROOT / "notebooks"
BUILD = ROOT / "build"
OFFSETS = (0, 500, 600, 700)

Progress = Callable[[str, int, int], None]
"""Called with a notebook's name, its code cells done and all its code cells."""


class CourseError(RuntimeError):
    """The course can't be walked: no such notebook, or a cell failed."""


def lessons(names: Sequence[str] = ()) -> list[Path]:
    """The course's notebooks in reading order; each name picks those that begin with it (`05`, `05_filter`)."""
    found = sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
    if unknown := [name for name in names if not any(path.stem.startswith(name) for path in found)]:
        raise CourseError(f"no notebook begins with {', '.join(unknown)}; there are: {', '.join(p.stem for p in found)}")
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
    report: life.Report = lambda name, phase: None,
    folder: Path = BUILD / "run-stack",
    offsets: Sequence[int] = OFFSETS,
) -> Iterator[Settings]:
    """A fresh stack under build/, in whose environment this process and its kernels are meanwhile.

    It takes the first of the port offsets at which all its ports are free, so that a learner's running stack
    is left alone. CourseError when there is none.
    """
    own = _on_free_ports(folder, offsets)
    life.down(own)  # what an interrupted run may have left
    shutil.rmtree(folder, ignore_errors=True)
    before = dict(os.environ)
    try:
        life.up(own, COURSE, report)
        environment.apply(own)
        yield own
    finally:
        os.environ.clear()
        os.environ.update(before)
        life.down(own, COURSE, report)


def _on_free_ports(folder: Path, offsets: Sequence[int]) -> Settings:
    for offset in offsets:
        own = Settings(state_dir=folder, port_offset=offset)
        left_over = any(status.pid for status in life.status(own, COURSE))
        if left_over or not _taken(own):
            return own
    raise CourseError("the course's ports are taken. Take the running stack down: eventlab down")


def _taken(settings: Settings) -> list[int]:
    numbers = [port for name in COURSE for port in SERVICES[name].port_numbers(settings)]
    return [port for port in numbers if not ports.is_free(port)]
