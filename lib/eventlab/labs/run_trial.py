"""Run a trial: send the portions, cause the failures, start jobs again; `trial.py` has the design."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence

from eventlab.clients.hdfs import HdfsError
from eventlab.errors import EventlabError
from eventlab.labs import inputs
from eventlab.labs.inputs import Outgoing
from eventlab.labs.names import Namespace
from eventlab.labs.trial import DESCRIPTIONS, Failure, Machine, Record, Trial, dead_letters_of, folder_of, topic_of

MAX_ENDS = 4
PAUSE_S = 1.0
"""The shortest time between two starts of a job, in seconds."""
COMMIT_S, REFUSED_S = 10.0, 30.0
"""The longest waits, in seconds: for the commit before a failure, and for jobs that a refused commit ends."""
MIN_PORTION_S = 3.0
"""The least time of a portion, in seconds, while a job is not waited for."""
POLL_S = 0.1
MAX_OFFSETS_BYTES = 64 * 1024
LEAST_SHARE = 0.5
"""A job to which the machine gave less than this share of its time may have ended because of that. Spark, for
example, waits ten seconds for a Python worker of `foreachBatch`, and this limit cannot be set."""
OWN_ERRORS = ("SyntaxError", "IndentationError", "NameError", "ImportError", "ModuleNotFoundError")
"""Errors that have nothing to do with time."""


class BusyMachineError(EventlabError):
    """The machine gave a job too little time to judge it."""


def run(
    trial: Trial,
    namespace: Namespace,
    machine: Machine,
    files: Iterable[str],
    report: Callable[[str], object] = lambda sentence: None,
) -> Record:
    """Run a trial in a new namespace and return what happened; the results are on HDFS and in Kafka.

    Args:
        trial: The trial, with the jobs that take part.
        namespace: Its topics and folder, which do not exist yet.
        machine: Starts and kills jobs and services.
        files: The names of the files that exist.
        report: Called with a sentence for each step.

    Raises:
        BusyMachineError: A job was too slow, and ended with errors while the machine delayed it.
        EventlabError: A service has ended by itself, or does not start again.
    """
    running = _RunningTrial(trial, namespace, machine, {*files}, report)
    for topic in (topic_of(namespace, question) for question in trial.jobs):
        inputs.create_topic(topic)
        inputs.create_topic(dead_letters_of(topic))
    try:
        for question in running.jobs:
            running.start(question)
        for messages, failure in zip(trial.portions, trial.failures, strict=True):
            if running.jobs.keys() <= running.given_up:
                break
            running.portion(messages, failure)
    finally:
        machine.close()
    return running.record


class _RunningTrial:
    """The state of a trial that is running."""

    def __init__(
        self,
        trial: Trial,
        namespace: Namespace,
        machine: Machine,
        files: set[str],
        report: Callable[[str], object],
    ) -> None:
        self.namespace, self.machine, self.report = namespace, machine, report
        self.jobs = {question: file for question, file in trial.jobs.items() if file in files}
        self.record = Record(missing=[question for question in trial.jobs if question not in self.jobs])
        self.hdfs = machine.hdfs()
        self.waited_for = set(self.jobs)
        self.given_up: set[str] = set()
        self.refused: set[str] = set()  # the jobs that were not started again since HDFS refused their commit
        self.started = dict.fromkeys(self.jobs, (0.0, 0.0))  # in all seconds, and in those that count
        self.delayed: set[str] = set()  # the jobs that ended in this portion while the machine delayed them
        self.ends_without_commit = dict.fromkeys(self.jobs, 0)
        self.reached = dict.fromkeys(self.jobs, 0)
        self.sent = 0
        self.is_quiet = True

    def start(self, question: str) -> None:
        """Start the job of a question."""
        topic, folder = topic_of(self.namespace, question), folder_of(self.namespace, question)
        self.machine.start(question, self.jobs[question], topic, folder)
        self.refused.discard(question)
        self.started[question] = time.monotonic(), self.machine.now()

    def portion(self, messages: Sequence[bytes], failure: Failure | None) -> None:
        """Send a portion, cause its failure, and wait until each job has committed it."""
        half = len(messages) // 2
        self.ends_without_commit = dict.fromkeys(self.jobs, 0)
        self.delayed.clear()
        for question in self.waited_for:
            self.record.errors.pop(question, None)
        number, kind = len(self.record.steps), failure.kind if failure else ""
        self.is_quiet = failure is None
        self.record.steps.append({"end": self.sent + len(messages), "failure": DESCRIPTIONS[kind]})
        self.report(f"portion {number + 1}: {len(messages)} messages, {DESCRIPTIONS[kind]}")
        self.machine.require_running()
        if failure is None:
            self.send(messages)
        else:
            self.send(messages[:half])
            getattr(self, failure.kind)(failure.delay_s, messages[half:])
        self.wait_for_jobs(number)

    def send(self, messages: Sequence[bytes]) -> None:
        """Send messages in order to the topic of each job."""
        topics = [topic_of(self.namespace, question) for question in self.jobs]
        inputs.append(topics, map(Outgoing, messages))
        self.sent += len(messages)

    def process(self, delay_s: float, rest: Sequence[bytes]) -> None:
        """Kill the processes of the jobs; the rest arrives meanwhile."""
        time.sleep(delay_s)
        self.machine.kill_jobs()
        self.send(rest)
        self.start_all()

    def spark(self, delay_s: float, rest: Sequence[bytes]) -> None:
        """Kill the Spark server and the jobs as soon as the jobs have committed; the rest arrives meanwhile."""
        self.wait(lambda: all(self.has_committed(question) for question in self.waited_for), COMMIT_S)
        self.machine.kill("spark")
        self.machine.kill_jobs()
        self.send(rest)
        self.machine.up("spark")
        self.start_all()

    def kafka(self, delay_s: float, rest: Sequence[bytes]) -> None:
        """Kill the broker and start it again."""
        time.sleep(delay_s)
        self.machine.kill("kafka")
        self.machine.up("kafka")
        self.send(rest)

    def commit(self, delay_s: float, rest: Sequence[bytes]) -> None:
        """Refuse the commit of a batch of each job that is waited for; the rest arrives afterwards.

        A job whose batch was complete too soon gets a second chance with the rest.
        """
        missed = self.refuse_commits(self.waited_for)
        self.send(rest)
        self.refuse_commits(missed)

    def refuse_commits(self, questions: Iterable[str]) -> set[str]:
        """Let HDFS refuse the next commit of each job, and return the jobs that have committed before.

        It is refused after the batch with the messages is planned, because an empty batch may come before it. A
        commit whose file existed under its temporary name when the quota was set is not refused.
        """
        waiting, refused = {*questions}, set()
        deadline = self.machine.now() + REFUSED_S
        while waiting and self.machine.now() < deadline:
            for question in [
                question for question in waiting if self.messages_in_checkpoint(question, "offsets") >= self.sent
            ]:
                waiting.discard(question)
                if self.set_quota(question, 1) and not self.has_committed(question):
                    refused.add(question)
                else:
                    self.set_quota(question, -1)
            for question in waiting:
                self.restart_if_ended(question)
            time.sleep(POLL_S / 5)
        self.wait(
            lambda: all(self.has_committed(q) or self.machine.ended(q) is not None for q in refused), REFUSED_S
        )
        for question in refused:
            self.set_quota(question, -1)
        self.refused |= {question for question in refused if not self.has_committed(question)}
        return {question for question in questions if question not in refused or self.has_committed(question)}

    def set_quota(self, question: str, names: int) -> bool:
        """Set how many names the folder of commits may contain (-1: any number); return whether it exists."""
        try:
            self.hdfs._call("SETQUOTA", "put", f"{self.checkpoint(question)}/commits", namespacequota=names)
        except (FileNotFoundError, HdfsError):
            return False
        return True

    def checkpoint(self, question: str) -> str:
        """Return the folder of a job's checkpoint."""
        return f"{folder_of(self.namespace, question)}/checkpoint"

    def start_all(self) -> None:
        """Start all jobs after they were killed."""
        for question in self.jobs.keys() - self.given_up:
            self.start(question)

    def wait_for_jobs(self, number: int) -> None:
        """Start jobs that have ended, until each job that is waited for has committed all that was sent."""
        least = 0.0 if self.waited_for == self.jobs.keys() - self.given_up else MIN_PORTION_S
        started = self.machine.now()
        while True:
            for question in self.jobs.keys() - self.given_up:
                self.restart_if_ended(question)
            waiting = {question for question in self.waited_for if not self.has_committed(question)}
            passed = self.machine.now() - started
            if not waiting and passed >= least:
                return
            late = waiting if passed > self.machine.portion_timeout_s else waiting & self.given_up
            for question in late & self.delayed - self.given_up:
                if self.machine.now() - self.started[question][1] > self.machine.portion_timeout_s / 2:
                    continue  # its last start had time enough
                raise BusyMachineError(
                    f"other programs kept the processors from the job of {question}, which ended again and again: "
                    f"{self.record.errors.get(question, '')[:200]}"
                )
            for question in late:
                self.waited_for.discard(question)
                self.record.stalled[question] = number
                if question in self.given_up:
                    self.record.given_up.append(question)
                elif question not in self.refused and self.has_begun_a_batch(question):
                    self.record.late.append(question)
                self.report(f"the job of {question} has not committed portion {number + 1}")
            time.sleep(POLL_S)

    def restart_if_ended(self, question: str) -> None:
        """Start a job that has ended; after MAX_ENDS ends without a commit it is given up.

        An end that may be the machine's fault does not count.
        """
        printed = self.machine.ended(question)
        lived_s = time.monotonic() - self.started[question][0]
        if printed is None or lived_s < PAUSE_S:
            return
        had_s = self.machine.now() - self.started[question][1]
        if question in self.waited_for:
            self.record.errors[question] = printed
        if self.has_committed(question):
            self.ends_without_commit[question] = 0
        elif had_s < LEAST_SHARE * lived_s and not self.is_own_end(question, printed):
            self.delayed.add(question)
        else:
            self.ends_without_commit[question] += 1
        if self.is_quiet and question not in self.record.ended_early and self.machine.has_succeeded(question):
            self.record.ended_early.append(question)
        if self.ends_without_commit[question] >= MAX_ENDS:
            self.given_up.add(question)
        else:
            self.start(question)

    def is_own_end(self, question: str, printed: str) -> bool:
        """Return whether a job has ended for a reason that has nothing to do with time."""
        return printed.startswith(OWN_ERRORS) or self.machine.has_succeeded(question)

    def has_committed(self, question: str) -> bool:
        """Return whether the checkpoint of a job says that everything sent so far is processed."""
        if self.reached[question] < self.sent:
            self.reached[question] = self.messages_in_checkpoint(question, "commits")
        return self.reached[question] >= self.sent

    def has_begun_a_batch(self, question: str) -> bool:
        """Return whether the checkpoint of a job says that a batch has begun that is not committed."""
        return self.messages_in_checkpoint(question, "offsets") > self.reached[question]

    def messages_in_checkpoint(self, question: str, what: str) -> int:
        """Return the number of messages before the end of the last batch that a checkpoint notes.

        Args:
            question: The question of the job.
            what: `offsets`, where Spark notes a batch before it begins, or `commits`, when it is complete.
        """
        checkpoint = self.checkpoint(question)
        try:
            names = [entry["pathSuffix"] for entry in self.hdfs.ls(f"{checkpoint}/{what}", detail=True)]
            last = max(int(name) for name in names if name.isdigit())
            text = self.hdfs.head(f"{checkpoint}/offsets/{last}", MAX_OFFSETS_BYTES)
            return sum(json.loads(text.splitlines()[-1])[topic_of(self.namespace, question)].values())
        except (FileNotFoundError, HdfsError, LookupError, ValueError, TypeError, AttributeError, RecursionError):
            return 0  # no checkpoint, or not one of Spark

    def wait(self, condition: Callable[[], bool], timeout_s: float) -> None:
        """Wait until a condition is true, at most `timeout_s` seconds."""
        deadline = self.machine.now() + timeout_s
        while not condition() and self.machine.now() < deadline:
            time.sleep(POLL_S / 2)
