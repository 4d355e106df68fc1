"""One worker: executes submissions on its own stack, has the judge run the checks, and answers with outcomes.

It is trusted and runs no student's code. Jobs are lines of JSON on standard input, outcomes are lines of JSON on
standard output. It writes no records.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat

from eventlab.grading import results
from eventlab.grading.environment import sandbox
from eventlab.grading.environment.services import WorkerConfiguration
from eventlab.grading.environment.worker_stack import WorkerStack
from eventlab.grading.execution import notebook, regrade
from eventlab.grading.execution.executed import executed
from eventlab.grading.execution.kernel import SubmissionKernel
from eventlab.grading.execution.outputs import CellResult
from eventlab.grading.jobs import Job, Limits, Outcome
from eventlab.grading.judge import Judge
from eventlab.grading.results import CheckResult, Question, SubmissionRecord
from eventlab.labs.catalogue import Lab, find
from eventlab.labs.evidence import Evidence
from eventlab.labs.names import Namespace

logger = logging.getLogger(__name__)


class Worker:
    """Grades submissions one after the other on its own stack."""

    def __init__(self, lab: Lab, stack: WorkerStack, judge: Judge, limits: Limits, containment: str) -> None:
        self.lab, self.stack, self.judge = lab, stack, judge
        self.limits, self.containment = limits, containment
        self.instructor = notebook.instructors(lab.instructor)

    def grade(self, job: Job) -> Outcome:
        """Execute and judge a submission; whatever fails on the machine's side is an outcome too."""
        started = time.monotonic()
        self.stack.forget_logs()
        try:
            outcome = self._graded(job)
        except Exception as error:  # a submission's own failures are results, not exceptions
            logger.exception("The job of %r failed", job.student)
            return Outcome.infrastructure_failed(str(error) or type(error).__name__)
        assert outcome.record is not None
        seconds = round(time.monotonic() - started, 3)
        return replace(outcome, record=replace(outcome.record, seconds=seconds))

    def _graded(self, job: Job) -> Outcome:
        common: dict[str, Any] = {
            "containment": self.containment,
            "sandboxed": self.stack.config.contained,
            "fingerprint": job.fingerprint,
        }
        problems = (job.problem,) if job.problem else ()
        try:
            matched = notebook.match(_read(job), self.instructor)
        except notebook.UnreadableError as error:
            messages = (*problems, str(error))
            return Outcome.of(
                results.without_points(
                    self.lab, job.student, "unreadable", str(error), messages=messages, **common
                )
            )
        files = job.workdir_files()
        runs = regrade.runs_of(matched, self.lab.questions, lambda broken: self._run(job, matched, files, broken))
        questions = self._questions(runs)
        ends = [run.ended for run in runs]
        record = SubmissionRecord(
            student=job.student,
            lab=self.lab.name,
            status="died" if "died" in ends else "timed_out" if "timed_out" in ends else "graded",
            points=sum(question.points for question in questions),
            max_points=self.lab.points(),
            questions=questions,
            messages=(*problems, *matched.messages, *_messages(runs)),
            **common,
        )
        return Outcome.of(record, nbformat.writes(executed(matched, runs)) + "\n")

    def _run(
        self, job: Job, matched: notebook.Matched, files: Mapping[str, bytes], broken: frozenset[str | None]
    ) -> regrade.Run:
        """Execute in a new namespace, run the checks, and remove what the submission left."""
        kernel, namespace = self._begun(job.seed)
        run = regrade.Run(broken)
        try:
            kernel.write(files)
            _execute(
                kernel,
                notebook.solved(matched, broken),
                _parameters(job, namespace),
                self.limits.cell_timeout,
                run,
            )
            evidence = Evidence(
                namespace, job.seed, answers=_answers(run), sources=matched.sources, files=kernel.files()
            )
            kernel.end()
            run.checks = self._checks(evidence)
        finally:
            kernel.forget()
            self.stack.clean()
        return run

    def _begun(self, seed: int) -> tuple[SubmissionKernel, Namespace]:
        """Return a kernel and a new namespace with the lab's input; restart the stack once when that fails."""
        try:
            return self._begin(seed)
        except Exception as error:
            logger.warning("a submission did not start and is retried on a new stack: %s", error)
            self.stack.reopen(f"a submission did not start: {error}")
            return self._begin(seed)

    def _begin(self, seed: int) -> tuple[SubmissionKernel, Namespace]:
        namespace = Namespace.random(self.lab.name)
        with ThreadPoolExecutor(1) as pool:
            kernel = pool.submit(self.stack.kernel)
            try:
                self.lab.prepare(namespace, seed)
            except BaseException:
                with contextlib.suppress(Exception):
                    kernel.result().forget()
                raise
            return kernel.result(), namespace

    def _checks(self, evidence: Evidence) -> dict[str, tuple[CheckResult, ...]]:
        """Return the results of each question's checks.

        Raises:
            EventlabError: The judge does not start, or a check failed and the services do not answer.
        """
        verdicts = self.judge.verdicts(evidence)
        if not all(verdict.passed for verdict in verdicts):
            self.stack.require_running()
        if any(verdict.unavailable for verdict in verdicts):  # although the services answer now
            verdicts = self.judge.verdicts(evidence)
        selected: dict[str, tuple[CheckResult, ...]] = dict.fromkeys(self.lab.questions, ())
        for check, verdict in zip(self.lab.checks, verdicts, strict=True):
            result = CheckResult(
                name=check.name,
                question=check.question,
                passed=verdict.passed,
                points=check.points if verdict.passed else 0,
                max_points=check.points,
                hidden=check.hidden,
                hint=check.hint,
                expected=verdict.expected,
                got=verdict.got,
            )
            selected[check.question] += (result,)
        return selected

    def _questions(self, runs: list[regrade.Run]) -> tuple[Question, ...]:
        notes = regrade.notes(runs, self.lab.questions, self.limits.cell_timeout)
        found = []
        for question in self.lab.questions:
            run, note = regrade.best(runs, question), notes.get(question, "")
            points = run.earned(question), self.lab.points(question)
            found.append(Question(question, *points, note, run.checks[question]))
        return tuple(found)


def _read(job: Job) -> list[dict[str, Any]]:
    """Read the cells of the submitted notebook."""
    if job.notebook is None:
        raise notebook.UnreadableError(job.problem or "there is no notebook")
    return notebook.read(Path(job.notebook))


def _parameters(job: Job, namespace: Namespace) -> dict[str, object]:
    places = {"topic": namespace.topic, "folder": namespace.folder, "group": namespace.group}
    return {"student": job.student, "seed": job.seed} | places


def _execute(
    kernel: SubmissionKernel,
    matched: notebook.Matched,
    parameters: dict[str, object],
    cell_timeout: float,
    run: regrade.Run,
) -> None:
    """Run the steps until one times out or ends the kernel; errors are kept and the next step runs."""
    for step in matched.steps:
        if not step.is_code or not step.source.strip():
            run.results.append((step, CellResult("done")))
            continue
        source = injected(parameters) if step.parameters else step.source
        result = kernel.execute(source, cell_timeout)
        run.results.append((step, result))
        if result.ended in ("timed_out", "died"):
            run.blocked, run.ended = step, result.ended
            return


def injected(parameters: Mapping[str, object]) -> str:
    """Return the source of the cell that papermill injects for these parameters."""
    from papermill.translators import PythonTranslator

    return PythonTranslator.codify(parameters)


def _answers(run: regrade.Run) -> dict[str, Any]:
    """Return the answers that the notebook declared; the last one of a question counts."""
    every = [answer for _, result in run.results for answer in result.answers]
    return {a["question"]: a.get("value") for a in every if isinstance(a.get("question"), str)}


def _messages(runs: list[regrade.Run]) -> tuple[str, ...]:
    found = []
    for number, run in enumerate(runs, start=1):
        if run.blocked:
            where = run.blocked.grade_id or run.blocked.question or "a cell that the student added"
            found.append(f"run {number} was ended at {where}: {run.ended}")
        if run.broken:
            names = ", ".join(str(q) for q in sorted(run.broken, key=str) if q)
            found.append(f"run {number} with the instructor's {names or '(without the added cells)'}")
    return tuple(found)


def main(configuration: str) -> None:
    """Answer each job on standard input with an outcome until the input ends or the infrastructure fails."""
    options = json.loads(configuration)
    logging.basicConfig(format="%(asctime)s %(name)s: %(message)s")
    logging.getLogger("eventlab").setLevel(options["log_level"])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a lab's checks print is not an answer
    from eventlab.settings import settings

    limits = Limits(**options["limits"])
    config = WorkerConfiguration(
        options["number"],
        Path(options["run"]),
        settings,
        sandbox.ProcessLimits(memory_mib=limits.memory_mib),
        options["contained"],
    )
    stack = WorkerStack(config)
    lab = find(options["lab"])
    judge = Judge(lab)
    worker = Worker(lab, stack, judge, limits, options["containment"])
    try:
        threading.Thread(target=_import_ahead, daemon=True).start()
        judge.open()
        try:
            stack.open()
        except Exception as error:
            print(json.dumps({"failed": str(error) or type(error).__name__}), file=answers, flush=True)
            raise
        print(json.dumps({"ready": True}), file=answers, flush=True)
        for line in sys.stdin:
            outcome = worker.grade(Job(**json.loads(line)))
            print(outcome.to_json(), file=answers, flush=True)
            if outcome.kind == "infrastructure_failed":
                break
    finally:
        judge.close()
        stack.close()


def _import_ahead() -> None:
    """Import slow packages while the services start."""
    import grpc  # noqa: F401
    import kafka  # noqa: F401
    import papermill.translators  # noqa: F401
    import pyarrow.parquet  # noqa: F401


if __name__ == "__main__":
    main(sys.argv[1])
