"""Jobs and outcomes: what a worker needs to grade one submission, and what it answers.

A job has a fingerprint: a hash of the submission, the limits, and the files of the lab and the kit that marks
depend on.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from eventlab import ROOT
from eventlab.grading import results
from eventlab.grading.collect import Submission
from eventlab.labs.catalogue import Lab
from eventlab.labs.seeds import seed_of

MAX_FILES_BYTES = 64 * 1024 * 1024
MAX_FILE_BYTES = 32 * 1024 * 1024
MAX_FILES = 500
VERSIONS = ("pyspark", "kafka-python", "ipykernel", "pandas")
KIT = ROOT / "lib" / "eventlab"
STACK_MODULES = ("config", "environment", "filesystem", "jars", "java", "jvm", "services")
"""Modules of `stack` that marks depend on; the others start and stop services."""
MARKS_DEPEND_ON = (
    *("__init__.py", "errors.py", "files.py", "lessons.py", "settings.py"),
    *("clients/", "commands/", "course/", "grading/", "jobs/", "labs/"),
    *(f"stack/{module}.py" for module in STACK_MODULES),
)
"""The grader, and what a graded notebook imports or runs."""
DISPLAY_ONLY = tuple(
    f"grading/{name}"
    for name in ("reports/", "adjustments.py", "judge_notebook.py", "progress.py", "verify.py", "whole_class.py")
)
"""How a record is shown is not part of the fingerprint: it can be edited without grading a class again."""
CONFIGURATION = tuple(ROOT / "stack" / service for service in ("kafka", "hdfs", "spark"))
"""The services' configuration templates, and the locked versions of their jars."""


@dataclass(frozen=True)
class Limits:
    """The limits that the instructor sets for a submission.

    Attributes:
        cell_timeout: Seconds that a cell may run.
        memory_mib: Memory of the submission's processes.
        time_limit: Seconds that the submission may take in all, over all its runs.
    """

    cell_timeout: float = 60
    memory_mib: int = 1024
    time_limit: float = 600


@dataclass(frozen=True)
class Job:
    """A submission to grade.

    Attributes:
        notebook: Path of the notebook, or None without one.
        files: Path of the folder with further files, or None.
        problem: A sentence about what is wrong with the submission, or "".
    """

    student: str
    notebook: str | None
    files: str | None
    problem: str
    fingerprint: str
    seed: int

    def workdir_files(self) -> dict[str, bytes]:
        """Return the files next to the notebook, by relative path; large files and links are left out."""
        selected: dict[str, bytes] = {}
        if self.files is None:
            return selected
        folder, remaining = Path(self.files), MAX_FILES_BYTES
        for path in sorted(folder.rglob("*")):
            if path.is_symlink() or not path.is_file() or str(path) == self.notebook:
                continue
            size = path.stat().st_size
            if size <= min(remaining, MAX_FILE_BYTES) and len(selected) < MAX_FILES:
                selected[str(path.relative_to(folder))] = path.read_bytes()
                remaining -= size
        return selected


@dataclass(frozen=True)
class Outcome:
    """What a worker answers to a job.

    Attributes:
        kind: `graded`; `submission_failed` (timed out, died, unreadable), which gives a mark too; or
            `infrastructure_failed` (the worker, its services or the judge failed), which gives none.
        record: The record; when the infrastructure failed, what the submission has so far, or None.
        notebook: The executed notebook as JSON, or None without one.
        reason: Why the infrastructure failed.
    """

    kind: Literal["graded", "submission_failed", "infrastructure_failed"]
    record: results.SubmissionRecord | None = None
    notebook: str | None = None
    reason: str = ""

    @classmethod
    def of(cls, record: results.SubmissionRecord, notebook: str | None = None) -> Outcome:
        """Return the outcome for a record that has a mark."""
        return cls("graded" if record.status == "graded" else "submission_failed", record, notebook)

    @classmethod
    def infrastructure_failed(
        cls, reason: str, record: results.SubmissionRecord | None = None, notebook: str | None = None
    ) -> Outcome:
        """Return the outcome of a job that the machine could not carry out, with what there is so far."""
        return cls("infrastructure_failed", record, notebook, reason)

    def to_json(self) -> str:
        """Return the outcome as one line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> Outcome:
        """Read the outcome from a line of JSON."""
        fields = json.loads(line)
        record = fields.pop("record")
        return cls(record=record and results.parse(record), **fields)


def job_for(lab: Lab, submission: Submission, secret: str, limits: Limits) -> Job:
    """Return the job of a submission.

    Its seed depends on the secret of the output folder, and on the content of the submission: the feedback shows
    the data and the expected values, which must not help in a second submission.
    """
    content = _digest_of(_submitted(submission)).hexdigest()
    seed = seed_of(submission.student, lab.name, f"grading {secret} {content}")
    return Job(
        student=submission.student,
        notebook=str(submission.notebook.absolute()) if submission.notebook else None,
        files=str(submission.files.absolute()) if submission.files else None,
        problem=submission.problem,
        fingerprint=fingerprint(lab, submission, seed, limits),
        seed=seed,
    )


def fingerprint(lab: Lab, submission: Submission, seed: int, limits: Limits) -> str:
    """Return a hash of the submission, the lab, the grader, the services' configuration, seed and limits."""
    values = [lab.name, str(seed), repr(limits), sys.version, submission.problem]
    values += [version(name) for name in VERSIONS]
    digest = _digest_of([*sorted(lab.folder.glob("*.*")), *sorted(grader_files()), *_submitted(submission)])
    digest.update("\0".join(values).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _submitted(submission: Submission) -> list[Path]:
    """Return the files of a submission, sorted by path."""
    submitted = [submission.notebook] if submission.notebook else []
    if submission.files:
        submitted += [path for path in submission.files.rglob("*") if path.is_file() and not path.is_symlink()]
    return sorted(submitted)


def _digest_of(paths: Iterable[Path]) -> hashlib._Hash:
    """Return a hash of the names and contents of files."""
    digest = hashlib.sha256()
    for path in paths:
        if path.is_file():
            digest.update(os.fsencode(path.name))
            digest.update(_digest(path))
    return digest


def grader_files() -> Iterator[Path]:
    """Yield the kit's files that marks depend on."""
    for path in KIT.rglob("*"):
        name = path.relative_to(KIT).as_posix()
        if (
            path.suffix in (".py", ".txt")
            and name.startswith(MARKS_DEPEND_ON)
            and not name.startswith(DISPLAY_ONLY)
        ):
            yield path
    for folder in CONFIGURATION:
        yield from folder.iterdir()


def _digest(path: Path) -> bytes:
    with contextlib.suppress(OSError), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
    return b""
