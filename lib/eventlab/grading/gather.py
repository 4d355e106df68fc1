"""Collecting submissions that are named one by one (`submissions/*` in a shell) in one folder."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from eventlab.errors import EventlabError


class GatherError(EventlabError):
    """The named submissions cannot be graded together."""


@contextmanager
def gathered(sources: Sequence[Path]) -> Iterator[Path]:
    """Yield the folder or zip to grade; several notebooks or folders are copied to one temporary folder."""
    if len(sources) == 1:
        yield sources[0]
        return
    with tempfile.TemporaryDirectory(prefix="eventlab-submissions-") as folder:
        for source in sources:
            _copy(source, Path(folder, source.resolve().name))
        yield Path(folder)


def _copy(source: Path, target: Path) -> None:
    if target.exists():
        raise GatherError(f"two submissions are called {target.name}. Grade their folders one after the other")
    if source.is_file() and source.suffix != ".ipynb" and zipfile.is_zipfile(source):
        raise GatherError(f"{source} is a zip of submissions: grade it alone")
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True)
    else:
        shutil.copy2(source, target, follow_symlinks=False)
