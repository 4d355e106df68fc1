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
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat

from eventlab.grading import results
from eventlab.grading.environment import sandbox
from eventlab.grading.environment.services import WorkerConfiguration
from eventlab.grading.environment.worker_stack import WorkerStack
from eventlab.grading.execution import marks, notebook, regrade
from eventlab.grading.execution.executed import executed
from eventlab.grading.execution.kernel import FullFolderError, SubmissionKernel
from eventlab.grading.execution.notebook import Matched
from eventlab.grading.execution.reference import Reference, put_or_report
from eventlab.grading.execution.run import NotebookExecutor, Omissions, Run, TimeBudget
from eventlab.grading.instructor_runs import InstructorRuns
from eventlab.grading.jobs import Job, Limits, Outcome
from eventlab.grading.judge import Judge
from eventlab.grading.machine_faults import MachineFaults
from eventlab.grading.results import CheckResult, SubmissionRecord
from eventlab.grading.trials import Trials
from eventlab.labs import cells
from eventlab.labs.catalogue import Lab, find
from eventlab.labs.evidence import Evidence
from eventlab.labs.names import Namespace

TOO_MANY_FILES = "its files and their folders do not all fit into the notebook's folder"
DELAYED = "other programs kept the processors from a cell, which then raised {}"
logger = logging.getLogger(__name__)


class Worker:
    """Grades submissions one after the other on its own stack."""

    def __init__(
        self,
        lab: Lab,
        stack: WorkerStack,
        judge: Judge,
        limits: Limits,
        containment: str,
        report: Callable[[SubmissionRecord], None] = lambda record: None,
    ) -> None:
        """Prepare a worker; `report` gets the record so far before each run and after each judged question."""
        self.lab, self.stack, self.judge = lab, stack, judge
        self.limits, self.containment, self.report = limits, containment, report
        self.trials = Trials(lab, stack, judge)
        self.instructor = cells.read(lab.instructor)
        self.instructor_runs = InstructorRuns(lab, self.instructor, stack, judge)

    def grade(self, job: Job) -> Outcome:
        """Execute and judge a submission; whatever fails on the machine's side is an outcome too."""
        try:
            self.stack.clean()  # what the submission before has left
            self.stack.forget_logs()
            started, machine = time.monotonic(), MachineFaults()
            outcome = self._outcome(job)
        except Exception as error:  # a submission's own failures are results, not exceptions
            logger.exception("The job of %r failed", job.student)
            return Outcome.infrastructure_failed(str(error) or type(error).__name__)
        assert outcome.record is not None
        record = replace(outcome.record, seconds=round(time.monotonic() - started, 3))
        reason = outcome.reason or ("" if record.is_full else machine.reason)
        if reason:
            return Outcome.infrastructure_failed(reason, record, outcome.notebook)
        return replace(outcome, record=record)

    def _outcome(self, job: Job) -> Outcome:
        common: dict[str, Any] = {
            "containment": self.containment,
            "sandboxed": self.stack.config.contained,
            "fingerprint": job.fingerprint,
        }
        reason = ""
        try:
            matched = notebook.match(_read(job), self.instructor)
        except (notebook.UnreadableError, notebook.InterruptedReadError) as error:
            messages = tuple(dict.fromkeys((*job.problems, str(error))))
            record = results.without_points(
                self.lab, job.student, "unreadable", str(error), messages=messages, **common
            )
            reason = str(error) if isinstance(error, notebook.InterruptedReadError) else ""
            return replace(Outcome.of(record), reason=reason)
        runs: list[Run] = []

        def report() -> None:
            so_far = [*runs[:-1], replace(runs[-1], interrupted=True)]
            self.report(marks.record(self.lab, job.student, matched, so_far, self.limits, job.problems, **common))

        try:
            self._execute(job, matched, runs, report)
        except Exception as error:
            if not any(run.results for run in runs):
                raise  # the submission's own code cannot be the reason
            logger.exception("The job of %r was interrupted", job.student)
            reason, runs[-1].interrupted = str(error) or type(error).__name__, True
        record = marks.record(self.lab, job.student, matched, runs, self.limits, job.problems, **common)
        if not reason and not record.is_full:  # a client may have waited too long for a service
            raised = [
                found.error
                for run in runs
                for found in run.results.values()
                if found.ended == "raised" and found.delayed
            ]
            reason = DELAYED.format(raised[0]) if raised else ""
        copy = nbformat.writes(executed(matched, runs, f"{record.slug}.ipynb")) + "\n"
        return replace(Outcome.of(record, copy), reason=reason)

    def _execute(self, job: Job, matched: Matched, runs: list[Run], report: Callable[[], None]) -> None:
        """Execute the submission; while a question can gain points, execute it again without what broke it."""
        files, budget = job.workdir_files(), TimeBudget(self.limits.time_limit)
        reference: Reference | None = None
        omissions: Omissions | None = Omissions()
        while omissions is not None:
            run = Run(omissions, seed=regrade.seed_of_next(runs, omissions, job.seed))
            if runs and run.seed != runs[-1].seed:
                reference = None
            if reference is None and omissions.replaced:
                reference = self._reference(job, run.seed, omissions.replaced)
            elif reference is not None and not omissions.replaced <= reference.changes.keys():
                reference = self._reference(job, run.seed, self.lab.questions)
            runs.append(run)
            self._run_once(job, matched, files, runs, budget, reference, report)
            omissions = regrade.next_omissions(matched, self.lab.questions, runs)

    def _run_once(
        self,
        job: Job,
        matched: Matched,
        files: Mapping[str, bytes],
        runs: list[Run],
        budget: TimeBudget,
        reference: Reference | None,
        report: Callable[[], None],
    ) -> None:
        """Execute the last of the runs in a new namespace, and judge each question at its check cell."""
        run = runs[-1]

        def judge_question(question: str) -> None:
            if (results := regrade.judged_before(matched, check_steps, runs, question)) is not None:
                run.checks[question] = results
                return
            evidence = Evidence(namespace, run.seed, executor.answers, matched.sources, kernel.files())
            verdicts = self.trials.verdicts(question, evidence, kernel, budget, run.disturbed)
            run.checks[question] = tuple(map(CheckResult.of, self.lab.checks_of(question), verdicts))
            report()

        def put_result(question: str) -> None:
            assert reference is not None
            if problem := put_or_report(reference, question, namespace, kernel, self.stack.require_running):
                run.problems.append(problem)

        check_steps = matched.check_steps(self.lab.questions)
        with self._kernel(run.seed) as (kernel, namespace):
            try:
                kernel.write(files)
            except FullFolderError:
                run.problems.append(TOO_MANY_FILES)
            report()
            common = matched, check_steps, kernel, _parameters(job, namespace), self.limits.cell_timeout, budget
            executor = NotebookExecutor(*common, judge_question, put_result, run)
            executor.execute()
            if run.out_of_time or run.ended_by is not None:  # what it waited for may have ended
                self.stack.require_running()

    def _reference(self, job: Job, seed: int, questions: Collection[str]) -> Reference:
        """Run the instructor's notebook up to these questions and keep its states; no code of the student runs."""
        with self._kernel(seed) as (kernel, namespace):
            return self.instructor_runs.reference(kernel, namespace, seed, _parameters(job, namespace), questions)

    @contextlib.contextmanager
    def _kernel(self, seed: int) -> Iterator[tuple[SubmissionKernel, Namespace]]:
        """Remove what is left of the last kernel, and yield a new one and a new namespace with the lab's input.

        What the last kernel of a worker leaves is not removed: the stack ends with the worker.
        """
        self.stack.clean()
        kernel, namespace = self._started(seed)
        try:
            yield kernel, namespace
        finally:
            kernel.forget()

    def _started(self, seed: int) -> tuple[SubmissionKernel, Namespace]:
        """Do what `_start` does; when that fails, restart the stack and try once more."""
        try:
            return self._start(seed)
        except Exception as error:
            logger.warning("a submission did not start and is retried on a new stack: %s", error)
            self.stack.reopen(f"a submission did not start: {error}")
            return self._start(seed)

    def _start(self, seed: int) -> tuple[SubmissionKernel, Namespace]:
        """Return a kernel, and a new namespace with the lab's input."""
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


def _read(job: Job) -> list[dict[str, Any]]:
    """Read the cells of the submitted notebook."""
    if job.notebook is None:
        raise notebook.UnreadableError(job.problem or "there is no notebook")
    return notebook.read(Path(job.notebook))


def _parameters(job: Job, namespace: Namespace) -> dict[str, object]:
    names = {"topic": namespace.topic, "folder": namespace.folder, "group": namespace.group}
    return {"student": job.student, "seed": 0} | names  # nothing in a graded notebook needs the seed


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
        options["warms_up"],
    )
    stack = WorkerStack(config)
    lab = find(options["lab"])
    judge = Judge(lab)

    def report(record: SubmissionRecord) -> None:
        print(Outcome.of(record).to_json(goes_on=True), file=answers, flush=True)

    worker = Worker(lab, stack, judge, limits, options["containment"], report)
    try:
        threading.Thread(target=_import_ahead, daemon=True).start()
        try:
            stack.open()
        except Exception as error:
            print(json.dumps({"failed": str(error) or type(error).__name__}), file=answers, flush=True)
            raise
        judge.open()
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
    import pyarrow.parquet  # noqa: F401


if __name__ == "__main__":
    main(sys.argv[1])
    os._exit(0)  # Python's own end takes most of a second after the imports
