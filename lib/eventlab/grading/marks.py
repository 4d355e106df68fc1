"""The record of a submission from its runs: for each question, the result of the run that counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eventlab.grading.execution import regrade
from eventlab.grading.execution.notebook import Matched
from eventlab.grading.execution.regrade import Run
from eventlab.grading.jobs import Limits
from eventlab.grading.results import CheckResult, Question, SubmissionRecord
from eventlab.labs.catalogue import Lab
from eventlab.labs.checks import Verdict

NOT_RUN = Verdict(False, "", "not run")


def record(
    lab: Lab,
    student: str,
    matched: Matched,
    runs: Sequence[Run],
    limits: Limits,
    problems: Sequence[str] = (),
    **fields: Any,
) -> SubmissionRecord:
    """Return the record of a submission.

    Args:
        lab: The lab.
        student: The student's name.
        matched: The steps of the submission.
        runs: Its runs.
        limits: Its limits.
        problems: Sentences about the files that were handed in.
        **fields: Further fields of the record.
    """
    questions = _questions(lab, matched, runs, limits)
    return SubmissionRecord(
        student=student,
        lab=lab.name,
        status=regrade.status(runs),
        points=sum(question.points for question in questions),
        max_points=lab.points(),
        questions=questions,
        messages=(*problems, *matched.messages, *regrade.messages(matched, runs)),
        notes=(*problems, *matched.not_run),
        **fields,
    )


def _questions(lab: Lab, matched: Matched, runs: Sequence[Run], limits: Limits) -> tuple[Question, ...]:
    notes = regrade.notes(matched, runs, lab.questions, limits.cell_timeout, limits.time_limit)
    graded = []
    for question in lab.questions:
        run = regrade.best(runs, question)
        not_run = tuple(CheckResult.of(check, NOT_RUN) for check in lab.checks_of(question))
        checks = run.checks[question] if run else not_run
        points = sum(check.points for check in checks)
        graded.append(Question(question, points, lab.points(question), notes.get(question, ""), checks))
    return tuple(graded)
