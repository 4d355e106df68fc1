"""The machine of a trial in a student's notebook: jobs are processes, and the services are the student's own."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

from eventlab.clients import kafka
from eventlab.clients.hdfs import HdfsClient, open_hdfs
from eventlab.clients.spark import release_session
from eventlab.clients.spark_sessions import SessionError, sessions
from eventlab.errors import EventlabError, ServiceUnavailable
from eventlab.labs import run_trial
from eventlab.labs.catalogue import Lab
from eventlab.labs.evidence import Evidence
from eventlab.labs.names import Namespace
from eventlab.labs.trial import dead_letters_of, topic_of
from eventlab.settings import Settings, settings
from eventlab.stack import Stack, filesystem
from eventlab.stack.tokens import spark_token

SERVICES = ("kafka", "namenode", "datanode", "spark")
PRINTED_CHARS = 300
ERROR = re.compile(r"^[A-Za-z_][\w.]*(?:Error|Exception|Exit|Interrupt)(?:: .*)?$", re.MULTILINE)
"""The last line of a traceback: the error with its message."""


class TrialError(EventlabError):
    """The services are not this stack's own, or do not run."""


class OwnMachine:
    """Starts jobs next to the notebook, and kills services of the student's stack."""

    portion_timeout_s = 120.0
    """A job that works needs some seconds, and a minute on a slow laptop whose browser needs the memory."""

    def __init__(self, settings: Settings) -> None:
        """Prepare the machine.

        Raises:
            TrialError: A service does not run, or is external.
        """
        self.settings, self.stack = settings, Stack(settings)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.logs: dict[str, Path] = {}
        self.user = f"job-{os.getpid()}"
        self.require_running()

    def now(self) -> float:
        """Return the time in seconds: a student can try again on another day."""
        return time.monotonic()

    def start(self, question: str, file: str, topic: str, folder: str) -> None:
        """Start the job; what it prints is in `FILE.log`."""
        self.logs[question] = Path(file).with_suffix(".log").resolve()
        with self.logs[question].open("wb") as log:
            self.processes[question] = subprocess.Popen(
                [sys.executable, file, topic, folder],
                env=self.stack.environment() | {"SPARK_USER": self.user},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def ended(self, question: str) -> str | None:
        """Return the error in the job's log, or else the end of the log, if the job has ended."""
        if self.processes[question].poll() is None:
            return None
        log = self.logs[question].read_text(errors="replace")
        errors = ERROR.findall(log)
        return errors[-1] if errors else log[-PRINTED_CHARS:]

    def has_succeeded(self, question: str) -> bool:
        """Return whether the job has ended with the exit code 0."""
        return self.processes[question].poll() == 0

    def kill_jobs(self) -> None:
        """Kill the jobs with what they started, and end their sessions, which Spark knows by their user."""
        for process in self.processes.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        with contextlib.suppress(SessionError, ServiceUnavailable):
            for user, session in sessions(self.settings).open:
                if user == self.user:
                    release_session(self.settings.spark_remote, spark_token(self.settings), user, session)

    def require_running(self) -> None:
        """Raise TrialError unless all services run and belong to this stack."""
        for status in self.stack.status(SERVICES):
            if status.state == "running" and status.pid is not None:
                continue
            if status.state == "running":
                reason = "was not started by this stack"
            else:
                reason = "is not running" if status.pid is None else "does not answer"
            raise TrialError(
                f"this check kills and starts services, but {status.name} {reason}", f"eventlab up {status.name}"
            )

    def kill(self, service: str) -> None:
        """Kill a service of the stack."""
        (status,) = self.stack.status([service])
        if status.pid:
            os.kill(status.pid, signal.SIGKILL)

    def up(self, service: str) -> None:
        """Start a service, and wait until it answers."""
        self.stack.up([service])

    def hdfs(self) -> HdfsClient:
        """Return a client of the student's HDFS, whose user may set quotas."""
        return open_hdfs(self.settings)

    def close(self) -> None:
        """End the jobs, and start the services that a trial which was interrupted has killed."""
        self.kill_jobs()
        self.stack.up(SERVICES)


def trial_evidence(lab: Lab, question: str, evidence: Evidence) -> Evidence:
    """Run a trial of the job of a question on the student's stack, and return the evidence of what it left.

    Raises:
        TrialError: A service does not run, or is external.
    """
    namespace, trial = trial_namespace(evidence.namespace, question), lab.trial(evidence.seed, [question])
    if trial.jobs[question] in evidence.files:
        print(
            "Services are killed and started again for about two minutes, while the job runs: do not use them now."
        )
    machine = OwnMachine(settings)
    topic = topic_of(namespace, question)
    kafka.delete_topics(settings.bootstrap_servers, [topic, dead_letters_of(topic)])
    filesystem.delete(namespace.folder)
    record = run_trial.run(trial, namespace, machine, evidence.files, print)
    return replace(evidence, namespace=namespace, trial=asdict(record), found=[], _seen={})


def trial_namespace(namespace: Namespace, question: str) -> Namespace:
    """Return the names of a question's trial; with the student's prefix, they are deleted like the others."""
    name = f"trial-{question}"
    return Namespace(
        namespace.prefix, namespace.topic_of(name), f"{namespace.folder}/{name}", f"{namespace.group}-{name}"
    )
