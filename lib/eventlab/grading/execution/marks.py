"""The record of a submission from its runs: for each question, the run that counts, and what happened in all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from eventlab.grading.execution.notebook import Matched
from eventlab.grading.execution.outputs import CellResult
from eventlab.grading.execution.run import Run, best
from eventlab.grading.jobs import Limits
from eventlab.grading.results import CheckResult, Question, RubricLine, Status, SubmissionRecord, total
from eventlab.labs.catalogue import Lab
from eventlab.labs.checks import TextQuestion, Verdict

NOT_RUN = Verdict(False, "", "not run")
MAX_TEXT_CHARS = 20_000
NOT_FILLED_IN = "the cell is as it was released"
LIMITS = {
    "memory": "it took more memory than allowed",
    "processes": "it had more processes than allowed",
    "suspension": "its processes went on while they were suspended",
    "sessions": "its programs had more sessions than allowed: start fewer with setsid or start_new_session",
}
"""What a student reads, by the reason for which the fork server has ended the kernel."""
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
        status=status(runs),
        points=total(graded),
        max_points=lab.points(),
        questions=graded,
        messages=(*problems, *matched.messages, *messages(matched, runs)),
        notes=(*problems, *matched.not_run),
        **fields,
    )


def questions(lab: Lab, matched: Matched, runs: Sequence[Run], limits: Limits) -> tuple[Question, ...]:
    """Return each question with the checks of the run in which it earned most, and each text question."""
    by_question = notes(matched, runs, lab.questions, limits.cell_timeout, limits.time_limit)
    seeds = list(dict.fromkeys(run.seed for run in runs))
    graded = []
    for question in lab.all_questions:
        if question in lab.text_questions:
            graded.append(text_answer(lab.text_questions[question], matched))
            continue
        run = best(runs, question)
        not_run = tuple(CheckResult.of(check, NOT_RUN) for check in lab.checks_of(question))
        checks = run.checks[question] if run else not_run
        points = sum(check.points for check in checks)
        note, changes = by_question.get(question, ""), seeds.index(run.seed) if run else 0
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


def notes(
    matched: Matched, runs: Sequence[Run], questions: Sequence[str], cell_timeout: float, time_limit: float
) -> Mapping[str, str]:
    """Return, by question, what happened apart from its checks, as sentences for the student."""
    found: dict[str, str] = {}
    for run in runs:
        for number, result in run.results.items():
            step = matched.steps[number]
            counted = best(runs, str(step.question))
            if counted not in (None, run) and counted.is_full(str(step.question)):
                continue  # it ended here because of another question
            if step.question in questions and step.own and (note := _note(result, cell_timeout)):
                found.setdefault(str(step.question), NOT_FILLED_IN if step.is_untouched else note)
    for question in questions:
        counted = best(runs, question)
        if counted is None:
            found.setdefault(question, f"not run: {_why_not_run(runs, time_limit)}")
        elif counted.omissions.replaced and counted.earned(question) > 0:
            others = " and ".join(sorted(counted.omissions.replaced))
            found.setdefault(question, f"graded in another run, with the instructor's result of {others}")
    return found


def _why_not_run(runs: Sequence[Run], time_limit: float) -> str:
    if any(run.interrupted for run in runs):
        return "the grading was interrupted"
    late = any(run.out_of_time for run in runs)
    return f"the notebook ran past its {time_limit:g} s" if late else "an earlier cell ended the notebook"


def _note(result: CellResult, cell_timeout: float) -> str:
    if result.ended == "timed_out" and result.error:
        return f"your cell was stopped by {result.error}"
    if result.ended == "timed_out":
        return f"your cell ran past {cell_timeout:g} s and was stopped; the other questions were graded without it"
    if result.ended == "died":
        reason = LIMITS.get(result.error, result.error)
        return f"your cell ended the kernel ({reason}); the other questions were graded without it"
    if result.ended == "raised":
        return f"your cell raised {result.error[:300]}"
    return ""


def status(runs: Sequence[Run]) -> Status:
    """Return how the submission has ended, over all runs."""
    ends = {result.ended for run in runs for result in run.results.values()}
    if "died" in ends:
        return "died"
    return "timed_out" if "timed_out" in ends or any(run.out_of_time for run in runs) else "graded"


def messages(matched: Matched, runs: Sequence[Run]) -> tuple[str, ...]:
    """Return what happened in each run, as sentences for the instructor."""
    found = []
    for number, run in enumerate(runs, start=1):
        if run.omissions.replaced:
            found.append(
                f"run {number} has the instructor's result of {' and '.join(sorted(run.omissions.replaced))}"
            )
        if run.ended_by is not None:
            step = matched.steps[run.ended_by]
            place = step.grade_id or "a cell that the student added"
            found.append(f"run {number} was ended by {place}: {run.results[run.ended_by].ended}")
        if run.out_of_time:
            found.append(f"run {number} was ended by the time limit of the submission")
        found += run.problems
    return tuple(dict.fromkeys(found))
