"""The autograder of a lab as the zip file that Gradescope accepts.

The layout is documented at https://gradescope-autograders.readthedocs.io/en/latest/specs/: `setup.sh` and
`run_autograder` are at the root of the archive, which Gradescope unpacks to /autograder/source.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

from eventlab.files import write_atomically
from eventlab.labs.catalogue import Lab
from eventlab.settings import ROOT

SCRIPTS = ("setup.sh", "run_autograder")
KIT = ("LICENSE", "Makefile", "README.md", "game_api.py", "lib", "pyproject.toml", "stack", "uv.lock")
"""What `make setup` and the grader need of a clone."""
NOT_GRADED = ("proof.py",)
CACHES = {"__pycache__", ".ipynb_checkpoints", ".DS_Store"}
DATE = (1980, 1, 1, 0, 0, 0)
"""The date of each file, so that the same files give the same bytes."""


def write(lab: Lab, output: Path) -> Path:
    """Write OUTPUT/<lab>.zip with the scripts, the kit and the lab with its solutions, and return the file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in sorted(_files(lab)):
            entry = zipfile.ZipInfo(name, DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            executable = path.stat().st_mode & 0o100
            entry.external_attr = (0o100755 if executable or name in SCRIPTS else 0o100644) << 16
            archive.writestr(entry, path.read_bytes())
    target = output / f"{lab.name}.zip"
    write_atomically(target, buffer.getvalue(), mode=0o600)
    return target


def _files(lab: Lab) -> Iterator[tuple[str, Path]]:
    """Yield each file of the archive with its name there."""
    for script in SCRIPTS:
        yield script, ROOT / "stack" / "gradescope" / script
    for name in KIT:
        for path in _below(ROOT / name):
            yield path.relative_to(ROOT).as_posix(), path
    for path in _below(lab.folder):
        inside = path.relative_to(lab.folder).as_posix()
        if inside not in NOT_GRADED:
            yield f"labs/{lab.name}/{inside}", path


def _below(path: Path) -> Iterator[Path]:
    found = sorted(path.rglob("*")) if path.is_dir() else [path]
    yield from (file for file in found if file.is_file() and not CACHES & set(file.parts))
