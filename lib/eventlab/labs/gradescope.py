"""The autograder of a lab as the zip file that Gradescope accepts.

The layout is documented at https://gradescope-autograders.readthedocs.io/en/latest/specs/: `setup.sh` and
`run_autograder` are at the root of the archive, which Gradescope unpacks to /autograder/source.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from eventlab.files import write_zip
from eventlab.labs.catalogue import Lab
from eventlab.settings import ROOT

SCRIPTS = ("setup.sh", "run_autograder")
KIT = ("LICENSE", "Makefile", "README.md", "game_api.py", "lib", "pyproject.toml", "stack", "uv.lock")
"""What `make setup` and the grader need of a clone."""
NOT_GRADED = ("proof.py",)
CACHES = {"__pycache__", ".ipynb_checkpoints", ".DS_Store"}


def write(lab: Lab, output: Path) -> Path:
    """Write OUTPUT/<lab>.zip with the scripts, the kit and the lab with its solutions, and return the file."""
    files = sorted(_files(lab))
    executable = {name for name, path in files if name in SCRIPTS or path.stat().st_mode & 0o100}
    modes = {name: 0o100755 if name in executable else 0o100644 for name, _ in files}
    return write_zip(output / f"{lab.name}.zip", ((name, path.read_bytes()) for name, path in files), modes)


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
