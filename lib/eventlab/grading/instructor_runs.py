"""The instructor's runs: what they change takes the place of broken questions, so it is judged, too."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from nbformat import NotebookNode

from eventlab.errors import EventlabError
from eventlab.grading import fair_time
from eventlab.grading.environment.worker_stack import WorkerStack
from eventlab.grading.execution import notebook
from eventlab.grading.execution.kernel import SubmissionKernel
from eventlab.grading.execution.reference import Reference
from eventlab.grading.execution.run import NotebookExecutor, Run, TimeBudget
from eventlab.grading.judge import Judge, verdicts_with_retry
from eventlab.labs.catalogue import Lab
from eventlab.labs.evidence import Evidence
from eventlab.labs.names import Namespace

CELL_TIMEOUT_S = 120
TIMEOUT_S = 600


class InstructorError(EventlabError):
    """The instructor's notebook did not run to its end, or did not earn full points."""


class InstructorRuns:
    """Runs the instructor's notebook on one stack."""

    def __init__(self, lab: Lab, instructor: NotebookNode, stack: WorkerStack, judge: Judge) -> None:
        self.lab, self.instructor, self.stack, self.judge = lab, instructor, stack, judge
        self._proven: set[str] = set()

    def reference(
        self,
        kernel: SubmissionKernel,
        namespace: Namespace,
        seed: int,
        parameters: Mapping[str, object],
        questions: Collection[str],
    ) -> Reference:
        """Run the instructor's notebook up to these questions, and return what each question has changed.

        Each question must earn full points the first time on this stack, and whenever a cell has failed or other
        programs have delayed the run. Another result, put in the place of a broken question, would cost a student
        marks in later questions. A job is not judged, because that takes a trial.

        Args:
            kernel: A new kernel.
            namespace: A new namespace with the lab's input.
            seed: The seed of the input.
            parameters: The values of the cell with the parameters.
            questions: The questions to run.

        Raises:
            InstructorError: The notebook does not end, or earns less: the machine or the lab is the reason.
        """
        matched = notebook.instructor_steps(self.instructor)
        matched, check_steps = matched.until(questions, matched.check_steps(self.lab.questions))
        reference, run, delay = Reference(namespace, self.instructor), Run(), fair_time.Delay()

        def keep(question: str) -> None:
            reference.keep(question, kernel)
            has_failed = any(result.ended != "done" for result in run.results.values())
            if question in self.lab.jobs or (question in self._proven and not has_failed and not delay.is_long):
                return
            files = dict(reference.changes[question][1].files)
            self._judge(question, Evidence(namespace, seed, executor.answers, matched.sources, files))
            reference.begin(kernel)  # what the checks have left is not a result

        limits = CELL_TIMEOUT_S, TimeBudget(TIMEOUT_S)
        executor = NotebookExecutor(
            matched, check_steps, kernel, parameters, *limits, keep, lambda question: None, run
        )
        reference.begin(kernel)
        executor.execute()
        if run.out_of_time or {result.ended for result in run.results.values()} & {"timed_out", "died"}:
            raise InstructorError("the instructor's notebook did not run to its end")
        return reference

    def _judge(self, question: str, evidence: Evidence) -> None:
        """Raise an error unless the instructor's solution of a question earns full points."""
        verdicts = verdicts_with_retry(self.judge, self.stack, evidence, question, TimeBudget(TIMEOUT_S))
        for check, verdict in zip(self.lab.checks_of(question), verdicts, strict=True):
            if not verdict.passed:
                raise InstructorError(
                    f"the instructor's solution of {question} did not pass the check {check.name!r}: "
                    f"expected {verdict.expected or 'another result'}, got {verdict.got}"
                )
        self._proven.add(question)
