"""The pool of workers: each is a process with its own stack, watched by one thread.

When a worker ends, its current submission gets the status `died` and another worker starts.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from queue import Empty, SimpleQueue
from subprocess import PIPE

import psutil

from eventlab.clients.spark import TOKEN_VARIABLE
from eventlab.errors import EventlabError
from eventlab.grading import results
from eventlab.grading.environment import processes, sandbox
from eventlab.grading.jobs import Job, Limits
from eventlab.grading.results import SubmissionRecord
from eventlab.labs.catalogue import Lab

MEMORY_OF_WORKER = 2300 * sandbox.MIB
SUBMISSIONS_A_WORKER = 6
"""Below so many a second stack costs more than it saves."""
SLOTS, SLOTS_A_GRADING = 1300, 8
"""Each grading has users of its own: a limit on a user's processes counts those of all gradings."""
STARTS = 2
"""How often a worker may fail to start before the grading gives up."""

logger = logging.getLogger(__name__)


class GradingError(EventlabError):
    """Nothing could be graded; the message says why and what to try."""


class StartError(GradingError):
    """A worker could not start its stack."""


def default_size(submissions: int) -> int:
    """Return how many workers to start: limited by cores, memory and the number of submissions."""
    if not sandbox.support().bubblewrap:
        return 1  # without network namespaces a student could reach another worker's stack
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory = int(psutil.virtual_memory().available // MEMORY_OF_WORKER)
    return max(1, min(cores, memory, -(-submissions // SUBMISSIONS_A_WORKER)))


def slot(number: int) -> int:
    """Return a number for the n-th worker that other gradings on this machine probably do not use."""
    return (os.getpid() * SLOTS_A_GRADING + number) % SLOTS


class Scheduler:
    """A pool of workers that grades a list of submissions."""

    def __init__(
        self,
        lab: Lab,
        output: Path,
        limits: Limits,
        size: int,
        finished: Callable[[SubmissionRecord], None],
    ) -> None:
        """Prepare the pool; `finished` is called with each record in the thread that calls `run`."""
        self.lab, self.output, self.limits, self.size, self.finished = lab, output, limits, size, finished
        self.support = sandbox.support()
        self.waiting: SimpleQueue[Job] = SimpleQueue()
        self.messages: SimpleQueue[SubmissionRecord | BaseException | None] = SimpleQueue()
        self.stopped = threading.Event()
        self.processes: list[subprocess.Popen[str]] = []

    def run(self, jobs: Sequence[Job]) -> None:
        """Grade all submissions; an interruption ends all workers at once.

        A worker that cannot start is an error only when submissions are left ungraded.
        """
        for job in jobs:
            self.waiting.put(job)
        threads = [threading.Thread(target=self._serve, args=(n,), daemon=True) for n in range(self.size)]
        problem: BaseException | None = None
        done = 0
        try:
            for thread in threads:
                thread.start()
            left = len(threads)
            while left:
                try:
                    message = self.messages.get(timeout=0.5)
                except Empty:
                    continue
                if isinstance(message, SubmissionRecord):
                    done += 1
                    self.finished(message)
                else:
                    left -= 1
                    problem = problem or message
        finally:
            self.stopped.set()
            for process in self.processes:
                processes.close_worker(process, timeout_s=0.5)
            for thread in threads:
                thread.join(timeout=15)
        if problem and done < len(jobs):
            raise problem

    def _serve(self, number: int) -> None:
        """Run one worker, and another one when it ends, until no submission is left."""
        try:
            failures = 0
            while not self.stopped.is_set() and not self.waiting.empty():
                run = Path(tempfile.mkdtemp(prefix="eg"))
                run.chmod(0o755)
                try:
                    self._with_worker(number, run)
                    failures = 0
                except StartError as error:
                    failures += 1
                    logger.warning("worker %d, start %d of %d failed: %s", number, failures, STARTS, error.message)
                    if failures == STARTS:
                        raise
                finally:
                    shutil.rmtree(run, ignore_errors=True)
            self.messages.put(None)
        except BaseException as error:
            self.messages.put(error)

    def _with_worker(self, number: int, run: Path) -> None:
        log = (self.output / f"worker-{number}.log").open("w")
        logger.info("worker %d starts; its log is %s", number, log.name)
        command, env = self._command(number, run), worker_environment(run, self.support.bubblewrap)
        process = subprocess.Popen(
            command, stdin=PIPE, stdout=PIPE, stderr=log, text=True, env=env, start_new_session=True
        )
        self.processes.append(process)
        assert process.stdout is not None
        job: Job | None = None
        try:
            _require_ready(process, Path(log.name))
            while not self.stopped.is_set():
                job = self._next()
                if job is None:
                    break
                if not self._one(process, job):
                    break
                job = None
        finally:
            processes.close_worker(process)
            process.stdout.close()
            log.close()
        if job is not None and not self.stopped.is_set():
            self._died(job, _tail(Path(log.name)))

    def _next(self) -> Job | None:
        with contextlib.suppress(Empty):
            return self.waiting.get_nowait()
        return None

    def _one(self, process: subprocess.Popen[str], job: Job) -> bool:
        """Have a submission graded; return False when the worker has ended."""
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(OSError):
            process.stdin.write(json.dumps(asdict(job)) + "\n")
            process.stdin.flush()
        for line in process.stdout:
            if json.loads(line).get("graded") == job.student:
                record = results.load(job.student, self.output)
                if record:
                    self.messages.put(record)
                return True
        return False

    def _died(self, job: Job, log: str) -> None:
        logger.warning("the submission of %r ended its worker", job.student)
        reason = "the submission ended its worker"
        record = results.without_points(
            self.lab,
            job.student,
            "died",
            reason,
            messages=tuple(filter(None, (job.problem, reason, log[-1500:]))),
            containment=self.support.described,
            fingerprint=job.fingerprint,
        )
        results.save(record, self.output)
        self.messages.put(record)

    def _command(self, number: int, run: Path) -> list[str]:
        options = {
            "lab": str(self.lab.folder),
            "number": slot(number),
            "run": str(run),
            "output": str(self.output.absolute()),
            "cell_timeout": self.limits.cell_timeout,
            "memory_mib": self.limits.memory_mib,
            "contained": self.support.bubblewrap,
            "containment": self.support.described,
            "log_level": logger.getEffectiveLevel(),
        }
        command = [sys.executable, "-m", "eventlab.grading.worker", json.dumps(options)]
        return sandbox.of_worker(command) if self.support.bubblewrap else command


def _require_ready(process: subprocess.Popen[str], log: Path) -> None:
    """Wait until the worker's stack answers; raise StartError with one sentence when it cannot start."""
    assert process.stdout is not None
    answer = process.stdout.readline()
    status = json.loads(answer) if answer else {}
    if "ready" in status:
        return
    process.wait()
    lines = status.get("failed") or _tail(log) or f"it ended with exit code {process.returncode}"
    reason = lines.strip().splitlines()[-1] if "failed" not in status else lines.strip()
    raise StartError(
        f"A worker could not start its services: {reason.rstrip('.')}. Look for what this machine lacks: "
        f"eventlab doctor (the worker's log is {log})"
    )


def worker_environment(run: Path, contained: bool) -> dict[str, str]:
    """Return the environment of a worker, whose stack and Spark token are not the instructor's."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("EVENTLAB_")}
    env.pop("SPARK_REMOTE", None)
    return env | {
        TOKEN_VARIABLE: secrets.token_hex(24),
        "EVENTLAB_STATE_DIR": str(run / "client"),
        "EVENTLAB_PORT_OFFSET": "0" if contained else str(_free_offset()),
        "GRPC_ENABLE_FORK_SUPPORT": "0",
    }


def _free_offset() -> int:
    from eventlab.settings import Settings
    from eventlab.stack.requirements import settings_on_free_ports
    from eventlab.stack.services import COURSE

    first = int(os.environ.get("EVENTLAB_PORT_OFFSET", "0"))
    return settings_on_free_ports(range(first + 20, first + 3000, 20), COURSE, Settings).port_offset


def _tail(log: Path) -> str:
    text = log.read_text(errors="replace") if log.exists() else ""
    return "\n".join(text.splitlines()[-15:])
