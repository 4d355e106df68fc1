"""A worker's process, seen from the scheduler: start it, send it jobs, keep its logs."""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import os
import secrets
import select
import subprocess
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from subprocess import PIPE

from eventlab.clients.spark import TOKEN_VARIABLE
from eventlab.errors import EventlabError
from eventlab.grading.environment import processes, sandbox
from eventlab.grading.jobs import Job, Limits, Outcome
from eventlab.grading.results import SubmissionRecord
from eventlab.labs.catalogue import Lab
from eventlab.settings import SETTINGS_FILE
from eventlab.stack.services import SERVICES

SLOTS, SLOTS_PER_GRADING = 1300, 8
"""Each grading has users of its own: a limit on a user's processes counts those of all gradings."""
LOG_PATTERNS = (
    "*.log",
    *(f"*/logs/{name}{end}" for name in SERVICES for end in (".log", ".log.1")),
    "*/logs/*.log*",
    "logs/*/*",
)
"""Logs in a run folder: of the worker and the sandboxes, of running services, and of services that were restarted.
Only the first MAX_LOGS are copied. The services' own names come first, because a submission can create others."""
LOG_BYTES = 1024 * 1024
MAX_LOGS = 60
"""How many logs are copied: what runs in Spark's sandbox can create thousands, each with a megabyte of nothing."""
MAX_START_S = 600
"""Each service has a shorter limit of its own; this one is for what has none, such as a file system that hangs."""
MAX_END_S = 60
"""How long a worker that could not start may take to end."""
MAX_SILENCE_S = 1800
"""A worker hangs if it reports nothing for this time and the time limit of a submission. Between two reports, a
run of the instructor's notebook may take 600 s, a trial of jobs 120 s for each portion, and checks and starts of
services some more."""
LOOK = "Look for what this machine lacks: eventlab doctor"
SILENT = "the worker did not answer for {:.0f} s: it hung, or other programs kept the processors from it"
logger = logging.getLogger(__name__)


class StartError(EventlabError):
    """A worker could not start its services."""


def slot(number: int) -> int:
    """Return a number for the n-th worker that other gradings on this machine probably do not use."""
    return (os.getpid() * SLOTS_PER_GRADING + number) % SLOTS


class WorkerProcess:
    """One worker: a process that answers jobs, each a line of JSON, with outcomes."""

    def __init__(
        self, lab: Lab, number: int, run: Path, limits: Limits, lock: int | None = None, *, warms_up: bool = True
    ) -> None:
        """Start the process.

        Args:
            lab: The lab.
            number: The number of the worker.
            run: Its run folder.
            limits: The limits of a submission.
            lock: A descriptor that it keeps open until its end.
            warms_up: Whether it prepares Spark for more than one submission.
        """
        self.run, self.log, self._silent = run, run / "worker.log", threading.Event()
        self.max_silence_s = limits.time_limit + MAX_SILENCE_S
        support = sandbox.support()
        options = {
            "lab": str(lab.folder),
            "number": slot(number),
            "run": str(run),
            "limits": asdict(limits),
            "contained": support.bubblewrap,
            "warms_up": warms_up,
            "containment": support.described,
            "log_level": logger.getEffectiveLevel(),
        }
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                self.command(options),
                stdin=PIPE,
                stdout=PIPE,
                stderr=log,
                text=True,
                env=worker_environment(run, support.bubblewrap),
                start_new_session=True,
                pass_fds=() if lock is None else (lock,),
            )

    @staticmethod
    def command(options: dict[str, object]) -> list[str]:
        """Return the command of a worker."""
        command = [sys.executable, "-m", "eventlab.grading.worker", json.dumps(options)]
        return sandbox.of_worker(command) if options["contained"] else command

    def wait_ready(self) -> None:
        """Wait until the worker's stack answers.

        Raises:
            StartError: It cannot start; the message says why in one sentence.
        """
        assert self._process.stdout is not None
        in_time = select.select([self._process.stdout], [], [], MAX_START_S)[0]
        if not in_time:
            self.end()
            raise StartError(
                f"A worker did not start within {MAX_START_S} s. Look for the reason: eventlab doctor"
            )
        answer = self._process.stdout.readline()
        status = json.loads(answer) if answer else {}
        if "ready" in status:
            return
        with contextlib.suppress(subprocess.TimeoutExpired):  # it may hang while it ends its services
            self._process.wait(timeout=MAX_END_S)
        log = self._log_lines() or [f"it ended with exit code {self._process.returncode}"]
        reason = str(status.get("failed") or log[-1]).strip().rstrip(".")
        raise StartError(f"A worker could not start its services: {reason}. {LOOK}")

    def grade(self, job: Job) -> Outcome:
        """Have a submission graded.

        When the process ends, hangs or answers anything else, the infrastructure failed, and the record so far is
        kept.
        """
        assert self._process.stdin is not None
        with contextlib.suppress(OSError, ValueError):  # a worker that has ended, or whose input is closed
            self._process.stdin.write(json.dumps(asdict(job)) + "\n")
            self._process.stdin.flush()
        so_far: SubmissionRecord | None = None
        try:
            while line := self._answer():
                outcome, goes_on = Outcome.from_json(line)
                if not goes_on:
                    return outcome
                so_far = outcome.record
        except (ValueError, TypeError, KeyError, AttributeError, EventlabError) as error:
            return Outcome.infrastructure_failed(f"the worker's answer cannot be read: {error}", so_far)
        if self._silent.is_set():
            return Outcome.infrastructure_failed(SILENT.format(self.max_silence_s), so_far)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=5)
        code = self._process.returncode
        last = self._log_lines()[-1:] if code == 1 else []  # an exception's own line
        reason = ": ".join([f"the worker's process ended (exit code {code})", *last])
        return Outcome.infrastructure_failed(reason, so_far)

    def _answer(self) -> str:
        """Return the worker's next line, or "" when it has ended; a worker that hangs is ended."""
        assert self._process.stdout is not None
        watchdog = threading.Timer(self.max_silence_s, self._end_silent)
        watchdog.daemon = True
        watchdog.start()
        try:
            return self._process.stdout.readline()
        finally:
            watchdog.cancel()
            watchdog.join()  # it may be ending the worker, whose folder it needs

    def _end_silent(self) -> None:
        self._silent.set()
        self.end(timeout_s=0.5)

    def copy_logs(self, target: Path) -> None:
        """Copy the end of each log of the worker and its services to a folder."""
        run = os.path.realpath(self.run)
        found = dict.fromkeys(path for pattern in LOG_PATTERNS for path in sorted(self.run.glob(pattern)))
        # What runs in Spark's sandbox can create links, also to themselves, which Path.resolve refuses.
        places = ((path, path.relative_to(self.run)) for path in found)
        files = (
            (path, place)
            for path, place in places
            if os.path.realpath(path) == os.path.join(run, place) and os.path.isfile(path)
        )
        for path, place in itertools.islice(files, MAX_LOGS):
            with contextlib.suppress(OSError):
                target.mkdir(parents=True, exist_ok=True)
                (target / "-".join(place.parts)).write_bytes(_tail(path))

    def end(self, timeout_s: float = 6) -> None:
        """End the worker and everything that it started; another thread may be waiting for its answer."""
        processes.close_worker(self._process, timeout_s)

    def close(self) -> None:
        """End the worker and close its output."""
        self.end()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _log_lines(self) -> list[str]:
        return _tail(self.log).decode(errors="replace").strip().splitlines()


def worker_environment(run: Path, contained: bool) -> dict[str, str]:
    """Return the environment of a worker, whose stack and Spark token are not the instructor's.

    The instructor's settings file is not read: it can name services of others, which the worker would clean.
    """
    env = {name: value for name, value in os.environ.items() if not name.startswith("EVENTLAB_")}
    env.pop("SPARK_REMOTE", None)
    return env | {
        TOKEN_VARIABLE: secrets.token_hex(24),
        SETTINGS_FILE: "",
        "EVENTLAB_STATE_DIR": str(run / "client"),
        "EVENTLAB_PORT_OFFSET": "0" if contained else str(_free_offset()),
        "EVENTLAB_WAITS": "long",
        "GRPC_ENABLE_FORK_SUPPORT": "0",
    }


def _free_offset() -> int:
    from eventlab.settings import Settings
    from eventlab.stack.requirements import settings_on_free_ports
    from eventlab.stack.services import COURSE

    first = int(os.environ.get("EVENTLAB_PORT_OFFSET", "0"))
    return settings_on_free_ports(range(first + 20, first + 3000, 20), COURSE, Settings).port_offset


def _tail(path: Path) -> bytes:
    """Return the last bytes of a log, also of one that the services may not read."""
    if os.geteuid():
        path.chmod(0o600)
    # What runs in Spark's sandbox may have just replaced the log by a link or a pipe, which nobody writes to.
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - LOG_BYTES))
        return file.read(LOG_BYTES)
