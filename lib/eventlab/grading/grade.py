"""Grading the submissions of a lab: find them, keep the records that are current, have workers grade the rest.

Each worker has its own Kafka, HDFS and Spark in a network namespace that nothing else can reach, and grades one
submission at a time. Before the next one starts, what the last one left is removed or the services are restarted
(`environment/worker_stack.py`), so that no submission sees another.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable
from pathlib import Path

from eventlab.files import create_once
from eventlab.grading import results
from eventlab.grading.collect import find
from eventlab.grading.jobs import Job, Limits, plan
from eventlab.grading.progress import GradingProgress
from eventlab.grading.results import SubmissionRecord
from eventlab.grading.scheduler import GradingError, Scheduler, default_size
from eventlab.labs.catalogue import Lab

__all__ = ["GradingError", "grade"]
logger = logging.getLogger(__name__)


def grade(
    lab: Lab,
    submissions: Path,
    output: Path,
    *,
    workers: int | None = None,
    cell_timeout: float = 60,
    memory_mib: int = 1024,
    force: bool = False,
    progress: GradingProgress = lambda done, total, record: None,
) -> list[SubmissionRecord]:
    """Grade the submissions and return their records, sorted by student.

    Records with the same fingerprint are kept. An interruption ends what was started and keeps the records so far;
    the next call continues. `cell_timeout` is in seconds; without `workers` their number depends on the machine.

    Raises:
        SubmissionsError: There is nothing to grade.
        GradingError: No worker could start.
    """
    output.mkdir(parents=True, exist_ok=True)
    limits = Limits(cell_timeout, memory_mib)
    secret = _secret(output)
    jobs = [plan(lab, submission, secret, limits) for submission in find(submissions, output / ".submissions")]
    kept = {} if force else _current_records(jobs, output)
    remaining = [job for job in jobs if job.student not in kept]
    done = 0

    def report(record: SubmissionRecord) -> None:
        nonlocal done
        done += 1
        progress(done, len(jobs), record)

    for old in kept.values():
        report(old)
    if remaining:
        size = min(workers or default_size(len(remaining)), len(remaining))
        logger.info("%d of %d submissions are graded by %d workers", len(remaining), len(jobs), size)
        Scheduler(lab, output, limits, size, report).run(remaining)
    return [record for job in jobs if (record := results.load(job.student, output))]


def _secret(output: Path) -> str:
    """Return the secret of this output folder, so that nobody can compute the seeds of its students."""
    return create_once(output / ".seed", secrets.token_hex(16))


def _current_records(jobs: Iterable[Job], output: Path) -> dict[str, SubmissionRecord]:
    """Return the records of the output folder whose fingerprint is still that of the job, by student."""
    current = {}
    for job in jobs:
        record = results.load(job.student, output)
        if record and record.fingerprint == job.fingerprint and record.student == job.student:
            current[job.student] = record
    return current
