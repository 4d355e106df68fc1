"""The course from the first notebook to the last on a fresh stack of its own, which is gone afterwards."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import filelock

from eventlab.course.execute import Result, execute
from eventlab.errors import EventlabError
from eventlab.settings import ROOT, OwnSettings, Settings, settings
from eventlab.stack import environment, lifecycle
from eventlab.stack.services import COURSE

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
    report: lifecycle.Report = lambda name, phase: None,
    folder: Path = BUILD / "run-stack",
    offsets: Sequence[int] = OFFSETS,
    services: Sequence[str] = COURSE,
) -> Iterator[Settings]:
    """A fresh stack under build/, in whose environment this process and its kernels are meanwhile.

    It takes the first of the port offsets at which all its ports are free, so that a learner's running stack
    is left alone, and nothing of a learner's ports and addresses. WalkError when no offset is free, or
    another walk is using the folder.
    """
    with _alone(folder):
        own = _on_free_ports(folder, offsets)
        lifecycle.down(own)  # what an interrupted run may have left
        shutil.rmtree(folder, ignore_errors=True)
        before = dict(os.environ)
        try:
            lifecycle.up(own, services, report)
            environment.apply(own)
            yield own
        finally:
            os.environ.clear()
            os.environ.update(before)
            lifecycle.down(own, services, report)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """A second walk in the same folder is refused: it would end the first one's stack."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        with filelock.FileLock(folder.with_name(folder.name + ".lock"), timeout=0):
            yield
    except filelock.Timeout as error:
        raise WalkError(f"another walk is under way in {folder}. Try again when it is done") from error


def _on_free_ports(folder: Path, offsets: Sequence[int]) -> Settings:
    for offset in offsets:
        own = OwnSettings(state_dir=folder, port_offset=offset, start_timeout_s=settings.start_timeout_s)
        left_over = any(status.pid for status in lifecycle.status(own, COURSE))
        if left_over or not lifecycle.taken_ports(own, COURSE):
            return own
    raise WalkError("the course's ports are taken. Take the running stack down: eventlab down")
