"""Jobs and outcomes: what a worker needs to grade one submission, and what it answers.

A job has a fingerprint: a hash of the submission, the limits, and the files of the lab and the kit that marks
depend on.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import statistics
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from eventlab import ROOT
from eventlab.grading import results, submitted_files
from eventlab.grading.collect import Submission
from eventlab.labs.catalogue import Lab
from eventlab.labs.seeds import seed_of

MAX_FILES_BYTES = 64 * 1024 * 1024
MAX_FILE_BYTES = 32 * 1024 * 1024
MAX_FILES = 500
WAITS = re.compile(rb"\bwhile (?:True|1)\b|\bsleep\(|\binput\(")
"""Code with which a notebook may wait for ever."""
MAX_READ_BYTES = 4 * 1024 * 1024
"""The most bytes of a notebook that are searched for WAITS."""
NOT_OF_A_LAB = submitted_files.IGNORED | {"build"}
"""The names of folders that may be in the folder of a lab: those of tools, and that of the kit's output."""
VERSIONS = ("pyspark", "kafka-python", "ipykernel", "pandas")
"""Packages on whose version marks depend."""
KIT = ROOT / "lib" / "eventlab"
STACK_MODULES = ("config", "environment", "filesystem", "jars", "java", "jvm", "services")
"""Modules of `stack` that marks depend on; the others start and stop services."""
MARKS_DEPEND_ON = (
    *("__init__.py", "errors.py", "files.py", "lessons.py", "settings.py", "signals.py"),
    *("clients/", "commands/", "course/", "grading/", "jobs/", "labs/"),
    *(f"stack/{module}.py" for module in STACK_MODULES),
)
"""The grader, and what a graded notebook imports or runs."""
DISPLAY_ONLY = tuple(
    f"grading/{name}"
    for name in (
        *("reports/", "similarity/", "gradebook/", "adjustments.py", "csv_files.py", "judge_notebook.py"),
        *("origins.py", "verify.py", "whole_class.py"),
    )
)
"""Modules that show records or compare submissions. They are not part of the fingerprint: after an edit of them,
nothing is graded again."""
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


DEFAULT_LIMITS = Limits()


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

    @property
    def problems(self) -> tuple[str, ...]:
        """Return the sentences about what is wrong with the submission: one, or none."""
        return (self.problem,) if self.problem else ()

    def workdir_files(self) -> dict[str, bytes]:
        """Return the files next to the notebook, by relative path; large files and links are left out."""
        if self.files is None:
            return {}
        folder = Path(self.files)
        selected, _ = _selected(folder, self.notebook)
        return {str(path.relative_to(folder)): path.read_bytes() for path in selected}


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

    def to_json(self, *, goes_on: bool = False) -> str:
        """Return the outcome as one line of JSON, which also says whether the job goes on."""
        return json.dumps(asdict(self) | {"goes_on": goes_on})

    @classmethod
    def from_json(cls, line: str) -> tuple[Outcome, bool]:
        """Return the outcome in a line of JSON, and whether its job goes on."""
        fields = json.loads(line)
        record, goes_on = fields.pop("record"), fields.pop("goes_on", False)
        return cls(record=record and results.parse(record), **fields), goes_on


def job_for(lab: Lab, submission: Submission, secret: str, limits: Limits, lab_digest: str = "") -> Job:
    """Return the job of a submission; for several jobs of a lab, `digest_of` it is calculated once.

    Its seed depends on the secret of the output folder, and on the content of the submission: the feedback shows
    the data and the expected values, which must not help in a second submission.
    """
    content = _digest_of(*_submitted(submission)).hexdigest()
    if submission.files and submission.notebook:
        _, left_out = _selected(submission.files, str(submission.notebook))
        names = ", ".join(path.name for path in left_out[:3])
        sentence = (
            f"{len(left_out)} files are not there when the notebook runs, because they are too large or too many: "
            f"{names}"
        )
        problem = "; ".join(filter(None, [submission.problem, sentence if left_out else ""]))
        submission = replace(submission, problem=problem)
    seed = seed_of(submission.student, lab.name, f"grading {secret} {content}")
    return Job(
        student=submission.student,
        notebook=str(submission.notebook.absolute()) if submission.notebook else None,
        files=str(submission.files.absolute()) if submission.files else None,
        problem=submission.problem,
        fingerprint=fingerprint(lab_digest or digest_of(lab), submission, seed, limits),
        seed=seed,
    )


def usual_first(jobs: Sequence[Job]) -> list[Job]:
    """Return the jobs in an order in which usual notebooks come first and those that may take long come last.

    A notebook that never ends often has a loop or a wait that the others do not have, or it lacks their outputs.
    The first results do not wait for it, and a second worker begins with it, so that nobody waits at the end.
    """
    found = {job.student: _waits_and_size(job) for job in jobs}
    waits, size = (statistics.median(values) for values in zip(*found.values(), strict=True))

    def difference(job: Job) -> tuple[float, float]:
        return abs(found[job.student][0] - waits), abs(found[job.student][1] - size)

    return sorted(jobs, key=difference)


def _waits_and_size(job: Job) -> tuple[int, int]:
    """Return how often a notebook has code that may wait for ever, and the bytes of its file."""
    if job.notebook is None:
        return 0, 0
    try:
        with open(job.notebook, "rb") as file:
            return len(WAITS.findall(file.read(MAX_READ_BYTES))), os.fstat(file.fileno()).st_size
    except OSError:
        return 0, 0


def digest_of(lab: Lab, without: Iterable[Path] = ()) -> str:
    """Return a hash of what all marks in a lab depend on: the lab, the grader and the services' configuration.

    Args:
        lab: The lab. Each of its files counts: its checks may read it.
        without: The submissions and the output, which may be in the folder of the lab.
    """
    folder, others = lab.folder.resolve(), {path.resolve() for path in without}
    files: list[Path] = []
    for place, folders, names in os.walk(folder):
        is_of_lab = {
            name: name not in NOT_OF_A_LAB and Path(place, name) not in others for name in folders + names
        }
        folders[:] = [name for name in folders if is_of_lab[name]]
        files += [Path(place, name) for name in names if is_of_lab[name]]
    digest = _digest_of(sorted(files), folder)
    digest.update(_digest_of(sorted(grader_files())).digest())
    values = [lab.name, sys.version, *(version(name) for name in VERSIONS)]
    digest.update("\0".join(values).encode())
    return digest.hexdigest()


def fingerprint(lab_digest: str, submission: Submission, seed: int, limits: Limits) -> str:
    """Return a hash of a submission, its seed, the limits, and of what all marks in the lab depend on."""
    values = [lab_digest, str(seed), repr(limits), submission.problem]
    digest = hashlib.sha256(_digest_of(*_submitted(submission)).digest())
    digest.update("\0".join(values).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _selected(folder: Path, notebook: str | None) -> tuple[list[Path], list[Path]]:
    """Return the files next to a notebook that it gets, and those that are too large or too many."""
    selected: list[Path] = []
    left_out: list[Path] = []
    remaining = MAX_FILES_BYTES
    for path in sorted(submitted_files.walk(folder)):
        if str(path) == notebook:
            continue
        size = path.stat().st_size
        fits = size <= min(remaining, MAX_FILE_BYTES) and len(selected) < MAX_FILES
        remaining -= size if fits else 0
        (selected if fits else left_out).append(path)
    return selected, left_out


def _submitted(submission: Submission) -> tuple[list[Path], Path | None]:
    """Return the files of a submission, sorted by path, and their folder."""
    submitted = [submission.notebook] if submission.notebook else []
    if submission.files:
        submitted += submitted_files.walk(submission.files)
    return sorted(submitted), submission.files


def _digest_of(paths: Iterable[Path], folder: Path | None = None) -> hashlib._Hash:
    """Return a hash of the names and contents of files; the name of a file below `folder` has its folders.

    Names are hashed, too: a name of any length could contain what looks like another file.
    """
    digest = hashlib.sha256()
    for path in paths:
        if path.is_file():
            inside = folder is not None and path.is_relative_to(folder)
            name = os.fsencode(path.relative_to(folder) if folder and inside else path.name)
            digest.update(hashlib.sha256(name).digest() + _digest(path))
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
