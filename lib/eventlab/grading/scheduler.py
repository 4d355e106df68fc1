"""The scheduler: gives jobs to workers and retries a job once when the machine failed.

Each worker is a process with its own stack, watched by one thread. When a worker's process, its services or its
judge fail, the job is tried again on a fresh worker. The scheduler yields one outcome per job.
"""

from __future__ import annotations

import contextlib
import logging
import math
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType

import psutil

from eventlab.errors import EventlabError
from eventlab.files import delete_folder
from eventlab.grading import folders
from eventlab.grading.environment import sandbox
from eventlab.grading.fair_time import cores
from eventlab.grading.jobs import Job, Limits, Outcome
from eventlab.grading.results import slug
from eventlab.grading.worker_process import LOOK, StartError, WorkerProcess
from eventlab.labs.catalogue import Lab
from eventlab.signals import stop_signals_deferred

MEMORY_PER_WORKER = 2300 * sandbox.MIB
SUBMISSIONS_PER_WORKER = 6
"""The submissions for which a worker is started: with fewer, a further stack costs more time than it saves."""
CORES_PER_START = 2
"""Cores that the start of one worker uses. As many workers start at the same time as the cores allow."""
MAX_WAIT_FOR_STARTS_S = 60
"""How long a worker waits for the starts of others: one that hangs does not stop them."""
HEAD_START_S = 8
"""How long the next start waits for the very first result: Spark is not warmed up for the first submission, and a
start at the same time would delay it."""
MAX_STARTS = 2
"""How often a thread tries to start its worker before it gives up."""
MAX_ATTEMPTS = 2
"""How often a job is tried when the infrastructure fails."""
LOGS = "logs"
"""It has a folder of logs for each student. Names of other folders begin with `_`, those of students never do."""

logger = logging.getLogger(__name__)


NOTHING = Outcome.infrastructure_failed("")
"""The outcome before the first attempt."""


@dataclass(frozen=True)
class Attempt:
    """A job, how often it has been tried, this attempt included, and how the attempt before failed."""

    job: Job
    number: int = 1
    earlier: Outcome = NOTHING

    def better(self, outcome: Outcome) -> Outcome:
        """Return the one of two failed attempts in which the submission has more points."""
        if outcome.kind != "infrastructure_failed":
            return outcome
        return max(outcome, self.earlier, key=lambda one: (one.record.points or 0) if one.record else -1)


def default_size(submissions: int) -> int:
    """Return how many workers to start: limited by cores, memory and the number of submissions."""
    if not sandbox.support().bubblewrap:
        return 1  # without network namespaces a student could reach another worker's stack
    memory = int(psutil.virtual_memory().available // MEMORY_PER_WORKER)
    return max(1, min(int(cores()), memory, math.ceil(submissions / SUBMISSIONS_PER_WORKER)))


class Scheduler:
    """A pool of workers; leaving its `with` block ends them."""

    def __init__(self, lab: Lab, logs: Path, limits: Limits, size: int, *, fresh: bool = False) -> None:
        """Prepare the pool.

        Args:
            lab: The lab.
            logs: The folder for the logs of each attempt that did not end as `graded`.
            limits: The limits of a submission.
            size: The number of workers.
            fresh: Whether each job gets a new worker with a new stack.
        """
        self.lab, self.logs, self.limits, self.size, self.fresh = lab, logs, limits, size, fresh
        self.warms_up = not fresh
        self.waiting: deque[Job] = deque()
        self.answers: SimpleQueue[tuple[Job, Outcome] | str] = SimpleQueue()
        self.stopped = threading.Event()
        self.starting = threading.Semaphore(max(1, int(cores()) // CORES_PER_START))
        self.has_result = threading.Event()
        self.workers: list[WorkerProcess] = []
        self.threads: list[threading.Thread] = []

    def __enter__(self) -> Scheduler:
        folders.delete_abandoned()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopped.set()
        for worker in list(self.workers):
            worker.end(timeout_s=0.5)
        for thread in self.threads:
            thread.join(timeout=15)

    def outcomes(self, jobs: Sequence[Job]) -> Iterator[tuple[Job, Outcome]]:
        """Yield each job with its outcome, in the order in which they end.

        An exception in a thread of the scheduler ends only this thread. At the end, each job without an outcome
        has one of the kind `infrastructure_failed`, with the last reason for which a thread gave up.

        Args:
            jobs: The first worker begins with the first job, the others begin with the last.
        """
        self.waiting.extend(jobs)
        self.warms_up = not self.fresh and len(jobs) > self.size
        self.threads = [
            threading.Thread(target=self._run_worker, args=(n,), daemon=True) for n in range(self.size)
        ]
        with stop_signals_deferred():  # leaving the block waits for each thread, so all must be started
            for thread in self.threads:
                thread.start()
        running, problem = len(self.threads), ""
        left = {job.student: job for job in jobs}
        while running:
            try:
                answer = self.answers.get(timeout=0.5)
            except Empty:
                continue
            if isinstance(answer, tuple):
                left.pop(answer[0].student)
                yield answer
            else:
                running -= 1
                problem = answer or problem
        for job in left.values():
            yield job, Outcome.infrastructure_failed(problem)

    def _run_worker(self, number: int) -> None:
        """Run one worker, and a fresh one when it fails, until no job is left."""
        try:
            retry: Attempt | None = None
            failed_starts = 0
            while self._has_work(retry):
                worker: WorkerProcess | None = None
                with contextlib.ExitStack() as cleanup:
                    try:
                        with self._place_to_start():
                            if not self._has_work(retry):
                                break
                            worker = cleanup.enter_context(self._started_worker(number))
                            worker.wait_ready()
                    except StartError as error:
                        failed_starts += 1
                        self._start_failed(number, failed_starts, worker, error)
                        if failed_starts < MAX_STARTS:
                            continue
                        message = f"{error.message} (logs: {self.logs / f'_worker-{number}'})"
                        if retry:
                            self._finish(retry.job, replace(retry.earlier, reason=message))
                        return self.answers.put(message)
                    failed_starts = 0
                    retry = self._give_jobs(number, worker, retry)
            self.answers.put("")
        except BaseException as error:  # the other workers go on, and the next grading tries its jobs again
            logger.exception("the thread of worker %d ended", number)
            self.answers.put(f"the grader itself failed: {type(error).__name__}: {error}")

    def _has_work(self, retry: Attempt | None) -> bool:
        return not self.stopped.is_set() and (retry is not None or bool(self.waiting))

    @contextlib.contextmanager
    def _place_to_start(self) -> Iterator[None]:
        """Wait until the cores suffice for another start, or for MAX_WAIT_FOR_STARTS_S seconds.

        After a start that succeeded, the next one waits for the first result, or for HEAD_START_S seconds.
        """
        acquired = self.starting.acquire(timeout=MAX_WAIT_FOR_STARTS_S)
        wait_s = 0
        try:
            yield
            wait_s = HEAD_START_S
        finally:
            if acquired:
                threading.Thread(target=self._release_place, args=(wait_s,), daemon=True).start()

    def _release_place(self, wait_s: float) -> None:
        self.has_result.wait(wait_s)
        self.starting.release()

    @contextlib.contextmanager
    def _started_worker(self, number: int) -> Iterator[WorkerProcess]:
        """Start a worker in a run folder of its own; end it and delete the folder afterwards.

        Raises:
            StartError: The machine has no room for the folder or the process.
        """
        with contextlib.ExitStack() as cleanup:
            try:
                run, lock = cleanup.enter_context(folders.temporary(folders.RUN))
                run.chmod(0o755)
                worker = WorkerProcess(self.lab, number, run, self.limits, lock, warms_up=self.warms_up)
            except OSError as error:
                raise StartError(f"A worker could not start: {error}. {LOOK}") from error
            self.workers.append(worker)
            cleanup.callback(self.workers.remove, worker)
            cleanup.callback(worker.close)
            if self.stopped.is_set():  # `__exit__` may not have seen it
                worker.end(timeout_s=0.5)
            logger.info("worker %d starts in %s", number, run)
            yield worker

    def _give_jobs(self, number: int, worker: WorkerProcess, retry: Attempt | None) -> Attempt | None:
        """Give jobs to a worker until none is left or it fails; return the job to try again on a fresh worker."""
        attempt = retry
        while not self.stopped.is_set():
            attempt = attempt or self._first_attempt(number)
            if attempt is None:
                return None
            outcome = worker.grade(attempt.job)
            self.has_result.set()
            if self.stopped.is_set():
                return None
            if outcome.kind != "graded":
                worker.copy_logs(self.logs / slug(attempt.job.student) / f"attempt-{attempt.number}")
            if outcome.kind == "infrastructure_failed" and attempt.number < MAX_ATTEMPTS:
                logger.warning("the job of %r is tried again: %s", attempt.job.student, outcome.reason)
                return Attempt(attempt.job, attempt.number + 1, outcome)
            self._finish(attempt.job, attempt.better(outcome))
            if self.fresh or outcome.kind == "infrastructure_failed":
                return None
            attempt = None
        return None

    def _first_attempt(self, number: int) -> Attempt | None:
        """Take the next job of a worker, and remove the logs of an earlier grading of it."""
        job = self._next(number)
        if job is None:
            return None
        delete_folder(self.logs / slug(job.student))
        return Attempt(job)

    def _next(self, number: int) -> Job | None:
        """Take the next job of a worker: the first worker begins at one end, the others at the other."""
        with contextlib.suppress(IndexError):
            return self.waiting.pop() if number else self.waiting.popleft()
        return None

    def _finish(self, job: Job, outcome: Outcome) -> None:
        self.answers.put((job, outcome))

    def _start_failed(self, number: int, start: int, worker: WorkerProcess | None, error: EventlabError) -> None:
        logger.warning("worker %d, start %d of %d failed: %s", number, start, MAX_STARTS, error.message)
        if worker and not self.stopped.is_set():
            worker.copy_logs(self.logs / f"_worker-{number}" / f"start-{start}")
