"""The fingerprint of a submission: a hash of everything that can change its marks.

A submission with another fingerprint is graded again. How a record is shown (`reports/`), the progress and the
command line are not part of it, so they can be edited without grading a class again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from eventlab import ROOT
from eventlab.grading.collect import Submission
from eventlab.labs.catalogue import Lab

VERSIONS = ("pyspark", "kafka-python", "ipykernel", "pandas")
KIT = ROOT / "lib" / "eventlab"
STACK = ("config", "environment", "filesystem", "jars", "java", "jvm", "services")
"""Modules of `stack` that marks depend on; the others start and stop services."""
ROOMS = ("clients/", "grading/", "labs/", *(f"stack/{module}.py" for module in STACK))
SHOWS_ONLY = tuple(f"grading/{name}" for name in ("reports/", "progress.py", "verify.py", "mutants.py"))
CONFIGURATION = tuple(ROOT / "stack" / service for service in ("kafka", "hdfs", "spark"))
"""The services' configuration templates, and the locked versions of their jars."""


def fingerprint(lab: Lab, one: Submission, seed: int, cell_timeout: float, memory_mib: int) -> str:
    """Return a hash of the submission, the lab, the grader, the services' configuration, seed and limits."""
    digest = hashlib.sha256()
    about = [lab.name, str(seed), str(cell_timeout), str(memory_mib), sys.version, one.trouble]
    about += [version(name) for name in VERSIONS]
    digest.update("\0".join(about).encode("utf-8", "surrogatepass"))
    theirs = [one.notebook] if one.notebook else []
    if one.files:
        theirs += [path for path in one.files.rglob("*") if path.is_file() and not path.is_symlink()]
    for path in [*sorted(lab.folder.glob("*.*")), *sorted(grader()), *sorted(theirs)]:
        if path.is_file():
            digest.update(os.fsencode(path.name))
            digest.update(_digest(path))
    return digest.hexdigest()


def grader() -> Iterator[Path]:
    """Yield the kit's own files that marks depend on."""
    for path in KIT.rglob("*.py"):
        name = path.relative_to(KIT).as_posix()
        if name.startswith(ROOMS) and not name.startswith(SHOWS_ONLY):
            yield path
    for folder in CONFIGURATION:
        yield from folder.iterdir()


def _digest(path: Path) -> bytes:
    with contextlib.suppress(OSError), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
    return b""
