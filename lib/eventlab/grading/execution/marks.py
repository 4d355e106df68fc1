"""The questions of a record, from the runs of a submission."""

from __future__ import annotations

from collections.abc import Sequence

from eventlab.grading.execution import regrade
from eventlab.grading.execution.notebook import Matched
from eventlab.grading.execution.regrade import Run
from eventlab.grading.jobs import Limits
from eventlab.grading.results import CheckResult, Question, RubricLine
from eventlab.labs.catalogue import Lab
from eventlab.labs.checks import TextQuestion, Verdict

NOT_RUN = Verdict(False, "", "not run")
MAX_TEXT_CHARS = 20_000
NO_TEXT = "there is no answer: the cell is empty, or as it was released"


def questions(lab: Lab, matched: Matched, runs: Sequence[Run], limits: Limits) -> tuple[Question, ...]:
    """Return each question with the checks of the run in which it earned most, and each text question."""
    notes = regrade.notes(matched, runs, lab.questions, limits.cell_timeout, limits.time_limit)
    graded = []
    for question in lab.all_questions:
        if question in lab.text_questions:
            graded.append(text_answer(lab.text_questions[question], matched))
            continue
        run = regrade.best(runs, question)
        not_run = tuple(CheckResult.of(check, NOT_RUN) for check in lab.checks_of(question))
        checks = run.checks[question] if run else not_run
        points = sum(check.points for check in checks)
        graded.append(Question(question, points, lab.points(question), notes.get(question, ""), checks))
    return tuple(graded)


def text_answer(question: TextQuestion, matched: Matched) -> Question:
    """Return a question that a person marks: without points yet, or with 0 when nothing was written."""
    own = [step for step in matched.steps if step.own and step.question == question.question]
    text = "\n\n".join(step.source for step in own if step.source.strip() and not step.is_untouched)
    rubric = tuple(RubricLine(criterion.points, criterion.text) for criterion in question.rubric)
    if not text:
        return Question(question.question, 0, question.points, NO_TEXT, rubric=rubric)
    return Question(question.question, None, question.points, rubric=rubric, answer=text[:MAX_TEXT_CHARS])
