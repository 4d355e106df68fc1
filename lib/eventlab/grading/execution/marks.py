"""The record of a submission from its runs: for each question, the result of the run that counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eventlab.grading.execution import regrade
from eventlab.grading.execution.notebook import Matched
from eventlab.grading.execution.run import Run
from eventlab.grading.jobs import Limits
from eventlab.grading.results import CheckResult, Question, RubricLine, SubmissionRecord, total
from eventlab.labs.catalogue import Lab
from eventlab.labs.checks import TextQuestion, Verdict

NOT_RUN = Verdict(False, "", "not run")
MAX_TEXT_CHARS = 20_000
NO_TEXT = "there is no answer: the cell is empty, or as it was released"


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
    graded = questions(lab, matched, runs, limits)
    return SubmissionRecord(
        student=student,
        lab=lab.name,
        status=regrade.status(runs),
        points=total(graded),
        max_points=lab.points(),
        questions=graded,
        messages=(*problems, *matched.messages, *regrade.messages(matched, runs)),
        notes=(*problems, *matched.not_run),
        **fields,
    )


def questions(lab: Lab, matched: Matched, runs: Sequence[Run], limits: Limits) -> tuple[Question, ...]:
    """Return each question with the checks of the run in which it earned most, and each text question."""
    notes = regrade.notes(matched, runs, lab.questions, limits.cell_timeout, limits.time_limit)
    seeds = list(dict.fromkeys(run.seed for run in runs))
    graded = []
    for question in lab.all_questions:
        if question in lab.text_questions:
            graded.append(text_answer(lab.text_questions[question], matched))
            continue
        run = regrade.best(runs, question)
        not_run = tuple(CheckResult.of(check, NOT_RUN) for check in lab.checks_of(question))
        checks = run.checks[question] if run else not_run
        points = sum(check.points for check in checks)
        note, changes = notes.get(question, ""), seeds.index(run.seed) if run else 0
        graded.append(Question(question, points, lab.points(question), note, checks, changes_of_data=changes))
    return tuple(graded)


def text_answer(question: TextQuestion, matched: Matched) -> Question:
    """Return a question that a person marks: without points yet, or with 0 when nothing was written."""
    own = [step for step in matched.steps if step.own and step.question == question.question]
    text = "\n\n".join(step.source for step in own if step.source.strip() and not step.is_untouched)
    rubric = tuple(RubricLine(criterion.points, criterion.text) for criterion in question.rubric)
    if not text:
        return Question(question.question, 0, question.points, NO_TEXT, rubric=rubric)
    return Question(question.question, None, question.points, rubric=rubric, answer=text[:MAX_TEXT_CHARS])
