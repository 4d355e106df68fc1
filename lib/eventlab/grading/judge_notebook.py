"""Judging a notebook that papermill has executed on the running stack, for `eventlab judge`.

The notebook's outputs contain the declared answers, and its parameters name the student and the seed. Messages and
tables are still in Kafka and on HDFS. The checks see the state at the notebook's end. Nothing is executed again.
"""

from __future__ import annotations

import ast
import getpass
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from eventlab.clients import kafka
from eventlab.errors import EventlabError
from eventlab.grading import results
from eventlab.grading.execution import marks, notebook
from eventlab.grading.execution.notebook import Matched
from eventlab.grading.execution.run import TimeBudget
from eventlab.grading.judge import Judge, verdicts_with_retry
from eventlab.grading.mistakes import with_mistakes
from eventlab.grading.results import CheckResult, Question, SubmissionRecord
from eventlab.labs import cells, serve
from eventlab.labs.catalogue import Lab
from eventlab.labs.evidence import Evidence
from eventlab.labs.names import Namespace
from eventlab.labs.seeds import practice_seed
from eventlab.labs.student import ANSWER, MAX_FILE_BYTES, prepared_seed
from eventlab.settings import settings

CONTAINMENT = "executed by papermill on a running stack"


class ExecutedError(EventlabError):
    """The notebook cannot be judged; the message says why."""


@dataclass(frozen=True)
class Executed:
    """What an executed notebook says about itself.

    Attributes:
        parameters: The values of its parameters: the defaults, replaced by what papermill injected.
        answers: The last answer to each question.
        errors: The error of each question whose cell raised one.
        stopped: Where and why papermill stopped, or "".
        not_run: Questions whose cells did not all run.
        seconds: How long papermill executed it.
        sources: The source of each cell of code that has an id.
    """

    parameters: Mapping[str, Any]
    answers: Mapping[str, Any]
    errors: Mapping[str, str]
    stopped: str
    not_run: frozenset[str]
    seconds: float
    sources: Mapping[str, str]


def read(path: Path) -> Executed:
    """Read an executed notebook.

    Raises:
        ExecutedError: It is not a notebook, or it was not executed.
    """
    try:
        node = nbformat.read(path, as_version=4)
    except Exception as error:
        raise ExecutedError(f"{path} cannot be read as a notebook: {error}") from error
    code = [cell for cell in node.cells if cell.cell_type == "code" and cell.source.strip()]
    if not any(cell.get("execution_count") for cell in code):
        raise ExecutedError(f"{path} was not executed", f"papermill {path} executed.ipynb -p student NAME")
    papermill = node.metadata.get("papermill", {})
    parameters = _defaults(code) | dict(papermill.get("parameters", {}))
    answers: dict[str, Any] = {}
    errors: dict[str, str] = {}
    stopped = ""
    for cell in code:
        for output in cell.get("outputs", []):
            answer = output.get("data", {}).get(ANSWER)
            if isinstance(answer, dict) and isinstance(answer.get("question"), str):
                answers[answer["question"]] = answer.get("value")
            if output.output_type == "error":
                raised = f"{output.ename}: {output.evalue}"[:500]
                place = cells.grade_id(cell) or "a cell that was added"
                errors.setdefault(cells.question_of(cell) or "", raised)
                stopped = stopped or f"{place} raised {raised}"
    waiting = [cell for cell in code if not cell.get("execution_count")]
    not_run = frozenset(question for cell in waiting if (question := cells.question_of(cell)))
    duration = papermill.get("duration") or 0.0
    sources = {str(cells.grade_id(cell)): cell.source for cell in code}
    return Executed(parameters, answers, errors, stopped if waiting else "", not_run, float(duration), sources)


def _defaults(code: list[NotebookNode]) -> dict[str, Any]:
    """Return the constants that the cell with the tag `parameters` assigns."""
    found: dict[str, Any] = {}
    for cell in code:
        if cells.is_parameters(cell):
            try:
                statements = ast.parse(cell.source).body
            except SyntaxError:
                continue
            for statement in statements:
                if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant):
                    names = [target.id for target in statement.targets if isinstance(target, ast.Name)]
                    found |= dict.fromkeys(names, statement.value.value)
    return found


def owner(lab: Lab, executed: Executed) -> tuple[str, Namespace, int]:
    """Return the student of an executed notebook, the names of its topics and folder, and the seed of its data.

    Raises:
        ExecutedError: It was executed with a topic or folder of its own, whose data nobody knows, or with a seed
            that is not a number.
    """
    given = [name for name in ("topic", "folder", "group") if executed.parameters.get(name)]
    if given:
        raise ExecutedError(
            f"the notebook was executed with the parameter {given[0]}: then the seed of its data is not known. "
            "Execute it with the parameters student and seed only"
        )
    student = str(executed.parameters.get("student") or getpass.getuser())
    given_seed = executed.parameters.get("seed") or 0
    try:
        seed = int(given_seed) or practice_seed(lab.name)
    except (TypeError, ValueError, OverflowError) as error:
        raise ExecutedError(f"the notebook was executed with the seed {given_seed!r:.50}, not a number") from error
    return student, Namespace.of_student(lab.name, student), seed


def judge(lab: Lab, path: Path, executed: Executed) -> SubmissionRecord:
    """Return the record of an executed notebook.

    Args:
        lab: The lab.
        path: The notebook.
        executed: What `read` returned for it.

    Raises:
        ExecutedError: The lab has trials, or this stack does not have the data with which it was executed.
        EventlabError: A service does not answer.
    """
    if lab.jobs:
        raise ExecutedError(
            f"{lab.name} is judged by a trial of its jobs, which kills services: use `eventlab grade {lab.name}`"
        )
    student, namespace, seed = owner(lab, executed)
    if (prepared := prepared_seed(namespace)) != seed:
        state = "no data" if prepared is None else "data of another seed"
        raise ExecutedError(
            f"this stack has {state} of {lab.name} for {student!r}. Execute the notebook on this stack, and judge "
            "it before it is executed with other parameters"
        )
    matched = notebook.match(notebook.read(path), cells.read(lab.instructor))
    small = (file for file in path.absolute().parent.glob("*.py") if file.stat().st_size < MAX_FILE_BYTES)
    files = {file.name: file.read_bytes() for file in small}
    evidence = Evidence(namespace, seed, executed.answers, matched.sources, files)
    found: dict[str, tuple[CheckResult, ...]] = {}
    process = Judge(lab)
    try:
        for question in lab.questions:
            verdicts = verdicts_with_retry(process, _Running(), evidence, question, TimeBudget(float("inf")))
            found[question] = tuple(map(CheckResult.of, lab.checks_of(question), verdicts))
    finally:
        process.close()
    return with_mistakes(lab, record(lab, student, executed, matched, found), seed)


def record(
    lab: Lab, student: str, executed: Executed, matched: Matched, checks: Mapping[str, tuple[CheckResult, ...]]
) -> SubmissionRecord:
    """Return the record of a student from the results of the checks of each question."""
    questions = tuple(
        marks.text_answer(lab.text_questions[id], matched)
        if id in lab.text_questions
        else Question(id, sum(c.points for c in checks[id]), lab.points(id), _note(executed, id), checks[id])
        for id in lab.all_questions
    )
    silent = [id for id, answer in executed.answers.items() if _has_ended(answer)]
    doubt = (
        f"the API of {' and '.join(silent)} ended with the notebook, so checks that call it failed"
        if silent
        else ""
    )
    messages = [f"papermill stopped: {executed.stopped}"] if executed.stopped else []
    messages += [f"{id} differs from the instructor's, and ran as it is" for id in _changed(lab, executed)]
    return SubmissionRecord(
        student,
        lab.name,
        "graded",
        results.total(questions),
        lab.points(),
        questions,
        tuple(messages),
        CONTAINMENT,
        executed.seconds,
        sandboxed=False,
        doubt=doubt,
    )


def _changed(lab: Lab, executed: Executed) -> list[str]:
    """Return the ids of given cells that the student edited or deleted, without check cells."""
    given = [cell for cell in cells.read(lab.instructor).cells if cell.cell_type == "code"]
    given = [c for c in given if cells.grade_id(c) and not (cells.is_solution(c) or cells.is_check(c))]
    ids = [(str(cells.grade_id(cell)), cell.source.strip()) for cell in given]
    return [id for id, source in ids if executed.sources.get(id, "").strip() != source]


def _note(executed: Executed, question: str) -> str:
    if question in executed.errors:
        return f"your cell raised {executed.errors[question][:300]}"
    return "not run: papermill stopped at an earlier cell" if question in executed.not_run else ""


def _has_ended(answer: Any) -> bool:
    """Return whether an answer is the address of an API that does not answer any more."""
    is_address = isinstance(answer, str) and serve.LOCAL.fullmatch(answer) is not None
    return is_address and serve.call(answer, "/", "localhost", 2.0) is None


class _Running:
    """The running stack: a service that does not answer raises an error when a check reads it."""

    def require_running(self) -> None:
        kafka.list_topics(settings.bootstrap_servers)
