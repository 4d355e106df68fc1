"""One worker: executes submissions on its own stack, has the judge run the checks, writes records.

It is trusted and runs no student's code. Orders are lines of JSON on standard input; for each it writes a line to
standard output when the record is in the output folder.
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
from eventlab.grading.jobs import Job
from eventlab.grading.judge import Judge
from eventlab.grading.results import CheckResult, Question, SubmissionRecord
from eventlab.labs.catalogue import Lab, find
from eventlab.labs.evidence import Evidence
from eventlab.labs.names import Namespace

logger = logging.getLogger(__name__)


class Worker:
    """Grades submissions one after the other on its own stack."""

    def __init__(
        self, lab: Lab, stack: WorkerStack, judge: Judge, output: Path, cell_timeout: float, containment: str
    ) -> None:
        self.lab, self.stack, self.judge, self.output = lab, stack, judge, output
        self.cell_timeout, self.containment = cell_timeout, containment
        self.instructor = notebook.instructors(lab.instructor)

    def grade(self, job: Job) -> SubmissionRecord:
        """Grade a submission, save its record and return it; an unreadable file gets a record too."""
        started = time.monotonic()
        try:
            matched = notebook.match(_read(job), self.instructor)
        except notebook.UnreadableError as error:
            record = results.without_points(
                self.lab,
                job.student,
                "unreadable",
                str(error),
                messages=tuple(filter(None, (job.problem, str(error)))),
                containment=self.containment,
                fingerprint=job.fingerprint,
            )
        else:
            record = self._graded(job, matched)
        record = replace(record, seconds=round(time.monotonic() - started, 3))
        results.save(record, self.output)
        return record

    def _graded(self, job: Job, matched: notebook.Matched) -> SubmissionRecord:
        files = job.workdir_files()
        runs = regrade.runs_of(matched, self.lab.questions, lambda broken: self._run(job, matched, files, broken))
        questions = self._questions(runs)
        ends = [run.ended for run in runs]
        status: results.Status = "died" if "died" in ends else "timed_out" if "timed_out" in ends else "graded"
        name = f"notebooks/{results.slug(job.student)}.ipynb"
        results.write_atomically(self.output / name, nbformat.writes(executed(matched, runs)) + "\n")
        problem = (job.problem,) if job.problem else ()
        return SubmissionRecord(
            student=job.student,
            lab=self.lab.name,
            status=status,
            points=sum(question.points for question in questions),
            max_points=self.lab.points(),
            questions=questions,
            messages=(*problem, *matched.messages, *_messages(runs)),
            containment=self.containment,
            fingerprint=job.fingerprint,
            notebook=name,
        )

    def _run(
        self, job: Job, matched: notebook.Matched, files: Mapping[str, bytes], broken: frozenset[str | None]
    ) -> regrade.Run:
        """Execute in a new namespace, run the checks, and remove what the submission left."""
        kernel, namespace = self._begun(job.seed)
        run = regrade.Run(broken)
        try:
            kernel.write(files)
            _execute(kernel, notebook.solved(matched, broken), _parameters(job, namespace), self.cell_timeout, run)
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
        """Return the results of each question's checks."""
        found: dict[str, tuple[CheckResult, ...]] = dict.fromkeys(self.lab.questions, ())
        for check, verdict in zip(self.lab.checks, self.judge.verdicts(evidence), strict=True):
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
            found[check.question] += (result,)
        return found

    def _questions(self, runs: list[regrade.Run]) -> tuple[Question, ...]:
        notes = regrade.notes(runs, self.lab.questions, self.cell_timeout)
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
    """Grade each job on standard input until it ends."""
    options = json.loads(configuration)
    logging.basicConfig(format="%(asctime)s %(name)s: %(message)s")
    logging.getLogger("eventlab").setLevel(options["log_level"])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a lab's checks print is not for the grader to read
    from eventlab.settings import settings

    limits = sandbox.ProcessLimits(memory_mib=options["memory_mib"])
    config = WorkerConfiguration(options["number"], Path(options["run"]), settings, limits, options["contained"])
    stack = WorkerStack(config)
    lab = find(options["lab"])
    judge = Judge(lab)
    worker = Worker(lab, stack, judge, Path(options["output"]), options["cell_timeout"], options["containment"])
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
            job = Job(**json.loads(line))
            print(json.dumps({"begun": job.student}), file=answers, flush=True)
            record = worker.grade(job)
            print(json.dumps({"graded": job.student, "status": record.status}), file=answers, flush=True)
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
