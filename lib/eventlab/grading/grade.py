"""Grading the submissions of a lab: find them, keep the records that are current, have workers grade the rest.

Each worker has its own Kafka, HDFS and Spark in a network namespace that nothing else can reach, and grades one
submission at a time. Before the next one starts, what the last one left is removed or the services are restarted
(`stand.py`), so that no submission sees another.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable
from pathlib import Path

from eventlab.files import create_once
from eventlab.grading import results as records
from eventlab.grading import scheduler as crew
from eventlab.grading.collect import Submission, find
from eventlab.grading.fingerprint import fingerprint
from eventlab.grading.jobs import Order
from eventlab.grading.progress import GradingProgress
from eventlab.grading.results import SubmissionRecord
from eventlab.grading.scheduler import Crew, GradingError, GradingLimits
from eventlab.labs.catalogue import Lab
from eventlab.labs.seeds import seed_of

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
    found = find(submissions, output / ".submissions")
    secret, limits = _secret(output), GradingLimits(cell_timeout, memory_mib)
    orders = [_order(lab, one, secret, limits) for one in found]
    kept = {} if force else _kept(orders, output)
    todo = [order for order in orders if order.student not in kept]
    done = 0

    def tell(record: SubmissionRecord) -> None:
        nonlocal done
        done += 1
        progress(done, len(orders), record)

    for old in kept.values():
        tell(old)
    if todo:
        size = min(workers or crew.default_size(len(todo)), len(todo))
        logger.info("%d of %d submissions are graded by %d workers", len(todo), len(orders), size)
        Crew(lab, output, limits, size, tell).run(todo)
    return [record for order in orders if (record := records.load(order.student, output))]


def _secret(output: Path) -> str:
    """Return the secret of this output folder, so that nobody can compute the seeds of its students."""
    return create_once(output / ".seed", secrets.token_hex(16))


def _order(lab: Lab, one: Submission, secret: str, limits: GradingLimits) -> Order:
    seed = seed_of(one.student, lab.name, f"grading {secret}")
    return Order(
        student=one.student,
        notebook=str(one.notebook.absolute()) if one.notebook else None,
        files=str(one.files.absolute()) if one.files else None,
        trouble=one.trouble,
        fingerprint=fingerprint(lab, one, seed, limits.cell_timeout, limits.memory_mib),
        seed=seed,
    )


def _kept(orders: Iterable[Order], output: Path) -> dict[str, SubmissionRecord]:
    found = {}
    for order in orders:
        record = records.load(order.student, output)
        if record and record.fingerprint == order.fingerprint and record.student == order.student:
            found[order.student] = record
    return found
