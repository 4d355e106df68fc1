"""Judging questions whose answer is a job: their trial takes place once, when the first of them is judged."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from eventlab.grading import judging
from eventlab.grading.environment.services import WorkerStackError
from eventlab.grading.environment.worker_stack import WorkerStack
from eventlab.grading.execution.kernel import SubmissionKernel
from eventlab.grading.execution.run import TimeBudget
from eventlab.grading.judge import Judge
from eventlab.labs import conduct
from eventlab.labs.catalogue import Lab
from eventlab.labs.checks import Verdict
from eventlab.labs.evidence import Evidence
from eventlab.labs.names import Namespace


class Trials:
    """Judges the questions of a lab on one stack; see `eventlab.labs.trial` for the design."""

    def __init__(self, lab: Lab, stack: WorkerStack, judge: Judge) -> None:
        self.lab, self.stack, self.judge = lab, stack, judge
        self._seed = 0
        self._verdicts: dict[str, list[Verdict]] = {}
        self._trial: tuple[str, Namespace, dict[str, Any]] | None = None

    def verdicts(
        self, question: str, evidence: Evidence, kernel: SubmissionKernel, budget: TimeBudget
    ) -> list[Verdict]:
        """Return one verdict per check of a question.

        A job with the same files is judged once: in a further run of the submission its trial would be the same.

        Args:
            question: The question.
            evidence: What the notebook left.
            kernel: The notebook's kernel, which is suspended during a trial.
            budget: The time of the submission; a trial takes none of it.
        """
        if question not in self.lab.jobs:
            return judging.verdicts(self.judge, self.stack, evidence, question, budget)
        if evidence.seed != self._seed:
            self._seed, self._verdicts = evidence.seed, {}
        key = self._key(question, evidence.files)
        if key not in self._verdicts:
            namespace, record = self._held(evidence, kernel)
            tried = replace(evidence, namespace=namespace, trial=record, found=[], _seen={})
            self._verdicts[key] = judging.verdicts(self.judge, self.stack, tried, question, budget)
        return self._verdicts[key]

    def _key(self, question: str, files: Mapping[str, bytes]) -> str:
        """Return a hash of the files that the job of a question can use: all but the other jobs."""
        others = {file for other, file in self.lab.jobs.items() if other != question}
        used = sorted((name, content) for name, content in files.items() if name not in others)
        return hashlib.sha256(repr((question, used)).encode()).hexdigest()

    def _held(self, evidence: Evidence, kernel: SubmissionKernel) -> tuple[Namespace, dict[str, Any]]:
        """Return the namespace and the record of this run's trial, which takes place if it has not yet."""
        if self._trial is None or self._trial[0] != evidence.namespace.prefix:
            questions = [
                question for question in self.lab.jobs if self._key(question, evidence.files) not in self._verdicts
            ]
            namespace = Namespace.random(self.lab.name)
            record = self._hold(namespace, evidence, questions, kernel)
            self._trial = evidence.namespace.prefix, namespace, record
        return self._trial[1:]

    def _hold(
        self, namespace: Namespace, evidence: Evidence, questions: list[str], kernel: SubmissionKernel
    ) -> dict[str, Any]:
        """Hold a trial, and return its record."""
        machine = self.stack.machine(evidence.files)
        trial = self.lab.trial(evidence.seed, questions)
        self.stack.require_running()
        try:
            with kernel.process.suspended():
                record = conduct.run(trial, namespace, machine, evidence.files)
        except WorkerStackError as error:
            if not self.stack.was_filled:
                raise
            return {"error": f"the trial was ended: too much was stored ({error})"}
        self.stack.require_running()
        return asdict(record)
