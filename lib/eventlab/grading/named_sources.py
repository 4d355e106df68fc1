"""Several notebooks or folders that a command names, as one folder of submissions."""

from __future__ import annotations

import subprocess
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from eventlab.grading import folders
from eventlab.grading.submitted_files import SubmissionsError


@contextmanager
def collected(sources: Sequence[Path]) -> Iterator[Path]:
    """Yield the folder or zip to grade; several notebooks or folders are copied to one temporary folder."""
    if len(sources) == 1:
        yield sources[0]
        return
    with folders.temporary(f"{folders.OTHERS}submissions-") as (temporary, _):
        folder = temporary / "submissions"
        folder.mkdir()
        for source in sources:
            _copy_named(source, folder / source.resolve().name)
        yield folder


def _copy_named(source: Path, target: Path) -> None:
    if target.exists():
        raise SubmissionsError(f"two submissions are called {target.name}. Grade their folders separately")
    if source.is_file() and source.suffix != ".ipynb" and zipfile.is_zipfile(source):
        raise SubmissionsError(f"{source} is a zip of submissions: grade it alone")
    # Unlike Python's functions, the command can copy folders of any depth; a link in them stays a link.
    words = ["cp", "-RP", "--", str(source.resolve() if source.is_dir() else source), str(target)]
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        raise SubmissionsError(f"{source} cannot be copied: {done.stderr.strip()[:500]}")
