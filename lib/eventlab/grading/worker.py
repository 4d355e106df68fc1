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

from eventlab.grading import match, orders, records, salvage, sandbox
from eventlab.grading.capture import CellResult
from eventlab.grading.executed import executed
from eventlab.grading.judge import Judge
from eventlab.grading.kernel import SubmissionKernel
from eventlab.grading.orders import Order, unreadable
from eventlab.grading.records import CheckResult, Question, SubmissionRecord
from eventlab.grading.services import Site
from eventlab.grading.stand import Stand
from eventlab.labs.catalogue import Lab, find
from eventlab.labs.evidence import Evidence
from eventlab.labs.names import Namespace

logger = logging.getLogger(__name__)


class Worker:
    """Grades submissions one after the other on its own stack."""

    def __init__(
        self, lab: Lab, stand: Stand, judge: Judge, output: Path, cell_timeout: float, containment: str
    ) -> None:
        self.lab, self.stand, self.judge, self.output = lab, stand, judge, output
        self.cell_timeout, self.containment = cell_timeout, containment
        self.instructor = match.instructors(lab.instructor)

    def grade(self, order: Order) -> SubmissionRecord:
        """Grade a submission, save its record and return it; an unreadable file gets a record too."""
        started = time.monotonic()
        try:
            matched = match.match(orders.read(order), self.instructor)
        except match.UnreadableError as error:
            record = unreadable(self.lab, order, str(error), self.containment)
        else:
            record = self._graded(order, matched)
        record = replace(record, seconds=round(time.monotonic() - started, 3))
        records.save(record, self.output)
        return record

    def _graded(self, order: Order, matched: match.Matched) -> SubmissionRecord:
        files = orders.files(order)
        runs = salvage.runs_of(
            matched, self.lab.questions, lambda broken: self._run(order, matched, files, broken)
        )
        questions = self._questions(runs)
        ends = [run.ended for run in runs]
        status: records.Status = "died" if "died" in ends else "timed_out" if "timed_out" in ends else "graded"
        name = f"notebooks/{records.slug(order.student)}.ipynb"
        records.write_atomically(self.output / name, nbformat.writes(executed(matched, runs)) + "\n")
        trouble = (order.trouble,) if order.trouble else ()
        return SubmissionRecord(
            student=order.student,
            lab=self.lab.name,
            status=status,
            points=sum(question.points for question in questions),
            max_points=self.lab.points(),
            questions=questions,
            messages=(*trouble, *matched.messages, *_messages(runs)),
            containment=self.containment,
            fingerprint=order.fingerprint,
            notebook=name,
        )

    def _run(
        self, order: Order, matched: match.Matched, files: Mapping[str, bytes], broken: frozenset[str | None]
    ) -> salvage.Run:
        """Execute in a new namespace, run the checks, and remove what the submission left."""
        kernel, namespace = self._begun(order.seed)
        run = salvage.Run(broken)
        try:
            kernel.write(files)
            _execute(kernel, match.solved(matched, broken), _parameters(order, namespace), self.cell_timeout, run)
            evidence = Evidence(
                namespace, order.seed, answers=_answers(run), sources=matched.sources, files=kernel.files()
            )
            run.checks = self._checks(evidence)  # before the kernel ends: checks may call an API that it serves
            kernel.end()
        finally:
            kernel.forget()
            self.stand.clean()
        return run

    def _begun(self, seed: int) -> tuple[SubmissionKernel, Namespace]:
        """Return a kernel and a new namespace with the lab's input; restart the stack once when that fails."""
        try:
            return self._begin(seed)
        except Exception as error:
            logger.warning("a submission did not start and is retried on a new stack: %s", error)
            self.stand.reopen(f"a submission did not start: {error}")
            return self._begin(seed)

    def _begin(self, seed: int) -> tuple[SubmissionKernel, Namespace]:
        namespace = Namespace.random(self.lab.name)
        with ThreadPoolExecutor(1) as pool:
            kernel = pool.submit(self.stand.kernel)
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

    def _questions(self, runs: list[salvage.Run]) -> tuple[Question, ...]:
        notes = salvage.notes(runs, self.lab.questions, self.cell_timeout)
        found = []
        for question in self.lab.questions:
            run, note = salvage.best(runs, question), notes.get(question, "")
            points = run.earned(question), self.lab.points(question)
            found.append(Question(question, *points, note, run.checks[question]))
        return tuple(found)


def _parameters(order: Order, namespace: Namespace) -> dict[str, object]:
    places = {"topic": namespace.topic, "folder": namespace.folder, "group": namespace.group}
    return {"student": order.student, "seed": 0} | places  # nothing in a graded notebook needs the seed


def _execute(
    kernel: SubmissionKernel,
    matched: match.Matched,
    parameters: dict[str, object],
    cell_timeout: float,
    run: salvage.Run,
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


def _answers(run: salvage.Run) -> dict[str, Any]:
    """Return the answers that the notebook declared; the last one of a question counts."""
    every = [answer for _, result in run.results for answer in result.answers]
    return {a["question"]: a.get("value") for a in every if isinstance(a.get("question"), str)}


def _messages(runs: list[salvage.Run]) -> tuple[str, ...]:
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
    """Grade each order on standard input until it ends."""
    wanted = json.loads(configuration)
    logging.basicConfig(format="%(asctime)s %(name)s: %(message)s")
    logging.getLogger("eventlab").setLevel(wanted["log_level"])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a lab's checks print is not for the grader to read
    from eventlab.settings import settings

    limits = sandbox.ProcessLimits(memory_mib=wanted["memory_mib"])
    site = Site(wanted["number"], Path(wanted["run"]), settings, limits, wanted["contained"])
    stand = Stand(site)
    lab = find(wanted["lab"])
    judge = Judge(lab)
    worker = Worker(lab, stand, judge, Path(wanted["output"]), wanted["cell_timeout"], wanted["containment"])
    try:
        threading.Thread(target=_import_ahead, daemon=True).start()
        judge.open()
        try:
            stand.open()
        except Exception as error:
            print(json.dumps({"failed": str(error) or type(error).__name__}), file=answers, flush=True)
            raise
        print(json.dumps({"ready": True}), file=answers, flush=True)
        for line in sys.stdin:
            order = Order(**json.loads(line))
            print(json.dumps({"begun": order.student}), file=answers, flush=True)
            record = worker.grade(order)
            print(json.dumps({"graded": order.student, "status": record.status}), file=answers, flush=True)
    finally:
        judge.close()
        stand.close()


def _import_ahead() -> None:
    """Import slow packages while the services start."""
    import grpc  # noqa: F401
    import kafka  # noqa: F401
    import papermill.translators  # noqa: F401
    import pyarrow.parquet  # noqa: F401


if __name__ == "__main__":
    main(sys.argv[1])
