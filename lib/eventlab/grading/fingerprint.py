"""What a record was made from, as one number: when it is another, the submission is graded again.

Only what can change a mark is in it. How a record is shown (`reports/`), how far the grading is, and the command
line can be edited without grading a class anew.
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
from eventlab.grading.submissions import Submission
from eventlab.labs.catalogue import Lab

VERSIONS = ("pyspark", "kafka-python", "ipykernel", "pandas")
KIT = ROOT / "lib" / "eventlab"
ROOMS = ("grading", "labs")
SHOWS_ONLY = {
    "grading": ("reports", "progress.py", "gather.py", "verify.py", "mutants.py"),
    "labs": (),
}
"""What of these rooms is no part of any mark."""


def fingerprint(lab: Lab, one: Submission, seed: int, cell_timeout: float, memory_mib: int) -> str:
    """Changes when the notebook or its files, the lab, the grader, the seed, the limits or a version does."""
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
    """The grader's own files that marks depend on."""
    for room in ROOMS:
        for path in (KIT / room).rglob("*.py"):
            if path.relative_to(KIT / room).parts[0] not in SHOWS_ONLY[room]:
                yield path


def _digest(path: Path) -> bytes:
    with contextlib.suppress(OSError), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
    return b""
