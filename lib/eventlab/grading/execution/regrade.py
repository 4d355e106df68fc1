"""Decide on further runs of a submission, so that a broken question costs only its own marks.

A further run leaves out what ended the last one. The state that the instructor's solution produces can take the
place of a broken question. A question gets the points of the best run that judged it with the student's cells.

In a run with the instructor's result of a question, the student's code can read this result, and it may find a way
to keep it until the next run. So a later run that judges this question has other data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from eventlab.grading.execution.notebook import Matched
from eventlab.grading.execution.run import Omissions, Run, best
from eventlab.grading.results import CheckResult
from eventlab.labs import seeds

MAX_SKIPPED = 3
"""When more of the added cells have ended a run, all added cells are left out."""


def judged_before(
    matched: Matched, check_steps: Mapping[str, int], runs: Sequence[Run], question: str
) -> tuple[CheckResult, ...] | None:
    """Return the results of an earlier run that did the same as the last one up to the check of a question.

    Two runs do the same if the same steps run, and the instructor's result takes the place of the same questions.
    The question is then not judged again: else a submission could guess an answer, with one attempt in each run.

    Args:
        matched: The notebook.
        check_steps: By question, the number of the step after which it is judged.
        runs: The runs so far; the last one is at the check of the question.
        question: The question.
    """
    *earlier, now = runs
    end = check_steps[question]
    before = [step for step in enumerate(matched.steps[: end + 1]) if not step[1].is_check]

    def done(run: Run) -> tuple[list[int], list[str]]:
        kept = [n for n, step in before if run.omissions.keeps(n, step, check_steps.get(str(step.question)))]
        return kept, sorted(other for other in run.omissions.replaced if check_steps[other] <= end)

    for run in earlier:
        if (
            run.judged(question)
            and question not in run.disturbed
            and run.seed == now.seed
            and done(run) == done(now)
        ):
            return run.checks[question]
    return None


def next_omissions(matched: Matched, questions: Sequence[str], runs: Sequence[Run]) -> Omissions | None:
    """Return what to leave out in the next run, or None when no further run can gain points.

    The first of these that applies:

    1. A question that may have lost marks because of another job runs again with all others replaced.
    2. A question in which the kernel died after earlier ones runs again with all others replaced: an earlier one
       may be the cause, for example a thread that ends the kernel later.
    3. The step that ended the last run is left out, if a question that was not judged yet can be judged then.
    4. The first question that lost marks is replaced: it may be the reason why later questions lost marks.
    """
    last = runs[-1]
    if last.out_of_time or len(runs) > 2 * len(questions) + MAX_SKIPPED:
        return None
    best_runs = {question: best(runs, question) for question in questions}
    unfinished = [q for q, run in best_runs.items() if run is None or not run.is_full(q)]
    attempted = [q for q in unfinished if _is_attempted(matched, questions, q)]
    disturbed = {question for run in runs for question in run.disturbed}
    alone = [question for question in attempted if question in disturbed or best_runs[question] is None]
    all_others = [frozenset(questions) - {question} for question in (alone if disturbed else ())]
    tried = [run.omissions.replaced for run in runs]
    if untried := [others for others in all_others if others not in tried]:
        return replace(last.omissions, replaced=untried[0])
    omissions = last.omissions
    if last.ended_by is not None:
        omissions = _without(matched, omissions, last.ended_by)

    def can_gain(question: str) -> bool:
        return question not in omissions.replaced and question in attempted

    waiting = {q for q in unfinished if best_runs[q] is None and can_gain(q)}
    doubtful = _doubtful(matched, runs) & {*attempted}
    if len(doubtful) > 1 or (doubtful and not waiting):
        omissions = Omissions(frozenset(questions) - doubtful - waiting, omissions.skipped)
        return omissions if omissions != last.omissions else None
    if waiting and omissions != last.omissions:
        return omissions
    lost_marks = [q for q in unfinished if best_runs[q] is not None and q not in omissions.replaced]
    omissions = Omissions(omissions.replaced | set(lost_marks[:1]), omissions.skipped)
    return omissions if omissions != last.omissions and any(map(can_gain, unfinished)) else None


def seed_of_next(runs: Sequence[Run], omissions: Omissions, first: int) -> int:
    """Return the seed of the next run's data.

    It is the seed of the last run, except when the next run judges a question whose place the instructor's result
    has taken in a run with the same data: the student's code could read the result there.

    Args:
        runs: The runs so far.
        omissions: What the next run leaves out.
        first: The seed of the first run.
    """
    seed = runs[-1].seed if runs else first
    shown = {question for run in runs if run.seed == seed for question in run.omissions.replaced}
    return seeds.further(seed) if shown - omissions.replaced else seed


def _without(matched: Matched, omissions: Omissions, ended_by: int) -> Omissions:
    """Return omissions that also contain the step that ended a run."""
    step = matched.steps[ended_by]
    added = {number for number, step in enumerate(matched.steps) if step.is_added}
    if step.is_added:
        skipped = omissions.skipped | {ended_by}
        return Omissions(omissions.replaced, skipped if len(skipped) <= MAX_SKIPPED else frozenset(added))
    if step.question:
        return Omissions(omissions.replaced | {step.question}, omissions.skipped)
    return Omissions(omissions.replaced, omissions.skipped | {number for number in added if number < ended_by})


def _doubtful(matched: Matched, runs: Sequence[Run]) -> set[str]:
    """Return the questions in which a kernel died after cells of earlier ones, and that never ran without them.

    An earlier question may be the cause, for example by a thread that ends the kernel later, or by its memory.
    """
    endings = [(run, run.ended_by) for run in runs if run.ended_by is not None]
    steps = [matched.steps[number] for run, number in endings if run.results[number].ended == "died"]
    deaths = {step.question for step in steps if step.question and not step.is_added}
    firsts = {next((q for q in run.checks if run.judged(q)), None) for run in runs}
    return deaths - firsts


def _is_attempted(matched: Matched, questions: Sequence[str], question: str) -> bool:
    """Return whether the student wrote something for the question, which another run could grade.

    A cell that was added above the question's own belongs to the question before it, but may contain the answer.
    """
    check_steps = matched.check_steps(questions)
    end = check_steps[question]
    begin = max((number for number in check_steps.values() if number < end), default=-1)
    written = (
        step
        for number, step in enumerate(matched.steps)
        if step.own and step.is_code and (step.question == question or begin < number < end)
    )
    return any(step.source.strip() and not step.is_untouched for step in written)
