"""Several submissions named one by one (`submissions/*` in a shell) as the one folder that is graded."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from eventlab.errors import EventlabError


class GatherError(EventlabError):
    """What was named can't be graded together."""


@contextmanager
def gathered(sources: Sequence[Path]) -> Iterator[Path]:
    """A single folder or zip as it is; of several, each one student's notebook or folder, a folder of copies."""
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
