"""Judging questions whose answer is a job: one trial for all, and another one for jobs that change later."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from eventlab.errors import EventlabError
from eventlab.grading.environment.trial_machine import TrialMachine
from eventlab.grading.environment.worker_stack import WorkerStack
from eventlab.grading.execution.kernel import SubmissionKernel
from eventlab.grading.execution.run import TimeBudget
from eventlab.grading.judge import Judge, verdicts_with_retry
from eventlab.labs import run_trial, seeds
from eventlab.labs.catalogue import Lab
from eventlab.labs.checks import Verdict
from eventlab.labs.evidence import Evidence
from eventlab.labs.names import Namespace


def seed_of_trial(seed: int) -> int:
    """Return the seed of a submission's trial: its messages are not those in the topic that the notebook reads.

    Otherwise a notebook could compute the results before the trial, and its jobs would have nothing to do.
    """
    return seeds.another(seed, "trial")


@dataclass(frozen=True)
class _FinishedTrial:
    """A trial that has run, and what it ran with.

    Attributes:
        prefix: The namespace of the run of the notebook.
        keys: The questions that took part, with the keys of their files.
        namespace: The trial's own namespace.
        record: What happened.
        doubtful: The questions that may have lost marks because of another job: all when the trial was ended or
            Spark had ended, else those whose job was too late.
    """

    prefix: str
    keys: dict[str, str]
    namespace: Namespace
    record: dict[str, Any]
    doubtful: frozenset[str]


class Trials:
    """Judges the questions of a lab on one stack; see `eventlab.labs.trial` for the design."""

    def __init__(self, lab: Lab, stack: WorkerStack, judge: Judge) -> None:
        self.lab, self.stack, self.judge = lab, stack, judge
        self._seed = 0
        self._verdicts: dict[str, list[Verdict]] = {}
        self._trial: _FinishedTrial | None = None

    def verdicts(
        self,
        question: str,
        evidence: Evidence,
        kernel: SubmissionKernel,
        budget: TimeBudget,
        disturbed: set[str],
    ) -> list[Verdict]:
        """Return one verdict per check of a question.

        A job with the same files is judged once: in a further run of the submission its trial would be the same.
        The exception is a job whose trial another job may have disturbed: in a further run, the other job may be
        missing. A job whose files have changed since the run's trial has a new trial. The first trial with the
        data of a seed takes no time of the submission; further ones do, because a notebook can ask for any number
        of them.

        Args:
            question: The question.
            evidence: What the notebook left.
            kernel: The notebook's kernel, which is suspended during a trial.
            budget: The time of the submission.
            disturbed: Receives the question if another job may have disturbed its trial.
        """
        if question not in self.lab.jobs:
            return verdicts_with_retry(self.judge, self.stack, evidence, question, budget)
        evidence = replace(evidence, seed=seed_of_trial(evidence.seed))
        if evidence.seed != self._seed:
            self._seed, self._verdicts, self._trial = evidence.seed, {}, None
        key = self._key(question, evidence.files)
        if key not in self._verdicts:
            with budget.measured() if self._trial else contextlib.nullcontext():
                trial = self._trial_of(question, key, evidence, kernel)
            tried = replace(evidence, namespace=trial.namespace, trial=trial.record, found=[], _seen={})
            found = verdicts_with_retry(self.judge, self.stack, tried, question, budget)
            if question in trial.doubtful:
                disturbed.add(question)
                return found
            self._verdicts[key] = found
        return self._verdicts[key]

    def _key(self, question: str, files: Mapping[str, bytes]) -> str:
        """Return a hash of the files that the job of a question can use: all but the other jobs."""
        others = {file for other, file in self.lab.jobs.items() if other != question}
        used = sorted((name, content) for name, content in files.items() if name not in others)
        return hashlib.sha256(repr((question, used)).encode()).hexdigest()

    def _trial_of(self, question: str, key: str, evidence: Evidence, kernel: SubmissionKernel) -> _FinishedTrial:
        """Return the trial of a question's files in this run of the notebook; run it if there is none yet."""
        prefix = evidence.namespace.prefix
        if self._trial is None or self._trial.prefix != prefix or self._trial.keys.get(question) != key:
            keys = {question: self._key(question, evidence.files) for question in self.lab.jobs}
            keys = {question: key for question, key in keys.items() if key not in self._verdicts}
            namespace, machine = Namespace.random(self.lab.name), self.stack.machine(evidence.files)
            record, doubtful = self._run(machine, namespace, evidence, [*keys], kernel)
            together = sum(self.lab.jobs[question] in evidence.files for question in keys) > 1
            self._trial = _FinishedTrial(prefix, keys, namespace, record, frozenset(doubtful if together else ()))
        return self._trial

    def _run(
        self,
        machine: TrialMachine,
        namespace: Namespace,
        evidence: Evidence,
        questions: list[str],
        kernel: SubmissionKernel,
    ) -> tuple[dict[str, Any], Iterable[str]]:
        """Run a trial; return its record, and the questions whose result is doubtful if it had several jobs."""
        trial = self.lab.trial(evidence.seed, questions)
        try:
            self.stack.require_running(in_trial=True)
            with kernel.process.suspended():
                record = run_trial.run(trial, namespace, machine, evidence.files)
            self.stack.require_running(in_trial=True)
            doubtful = questions if machine.spark_has_ended else record.late
        except EventlabError:  # whichever service is the first that does not answer
            if not self.stack.exceeded:
                raise
            return {"error": f"the trial was ended: {self.stack.exceeded}"}, questions
        return asdict(record), doubtful
