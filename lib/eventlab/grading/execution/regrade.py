"""Decide on further runs of a submission, so that a broken question costs only its own marks.

A further run leaves out what ended the last one. The state that the instructor's solution produces can take the
place of a broken question. A question gets the points of the best run that judged it with the student's cells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from eventlab.grading.execution.notebook import Matched, Step
from eventlab.grading.execution.outputs import CellResult
from eventlab.grading.results import CheckResult, Status

NOT_FILLED_IN = "the cell is as it was released"
MAX_SKIPPED = 3
"""When more of the added cells have ended a run, all added cells are left out."""


@dataclass(frozen=True)
class Plan:
    """What a run leaves out; the first run leaves out nothing.

    Attributes:
        replaced: Questions whose cells do not run; the state of the instructor's run takes their place.
        skipped: Numbers of the added cells that do not run.
    """

    replaced: frozenset[str] = frozenset()
    skipped: frozenset[int] = frozenset()

    def runs(self, number: int, step: Step, check_step: int | None) -> bool:
        """Return whether a step runs.

        Args:
            number: The number of the step.
            step: The step.
            check_step: The number of the step after which its question is judged, or None without a question.
        """
        if number in self.skipped or not step.is_code or not step.source.strip():
            return False
        if step.is_check and (self.replaced or self.skipped):
            return False  # it only says that the checks run elsewhere, and the outputs of this run are not shown
        if step.question not in self.replaced:
            return True
        return step.is_added and check_step is not None and number > check_step


@dataclass
class Run:
    """One execution of a submission.

    Attributes:
        results: How each step that ran has ended, by its number.
        checks: The results of the checks of each question that was judged.
        blocked: The number of the step that ended the kernel, or None.
        out_of_time: Whether the time limit of the submission ended the run.
    """

    plan: Plan = Plan()
    results: dict[int, CellResult] = field(default_factory=dict)
    checks: dict[str, tuple[CheckResult, ...]] = field(default_factory=dict)
    blocked: int | None = None
    out_of_time: bool = False

    def judged(self, question: str) -> bool:
        """Return whether the question was judged with the student's cells."""
        return question in self.checks and question not in self.plan.replaced

    def earned(self, question: str) -> float:
        """Return the points of a question in this run."""
        return sum(check.points for check in self.checks.get(question, ()))

    def is_full(self, question: str) -> bool:
        """Return whether all checks of a question passed in this run."""
        return all(check.passed for check in self.checks.get(question, ()))


def best(runs: Sequence[Run], question: str) -> Run | None:
    """Return the run in which the student's cells of a question earned most, or None when it was never judged."""
    return max((run for run in runs if run.judged(question)), key=lambda run: run.earned(question), default=None)


def next_plan(matched: Matched, questions: Sequence[str], runs: Sequence[Run]) -> Plan | None:
    """Return what to leave out in the next run, or None when no question can gain points.

    What ended the last run is left out. When nothing did, the first question that lost marks is replaced: later
    ones may only suffer from it. A question that was not judged is not wrong; it only has to run.

    When kernels ended in the cells of two questions, an earlier one may be the cause, for example a thread that
    ends the kernel later: then all earlier ones are replaced, and the second of the two runs again.
    """
    last = runs[-1]
    if last.out_of_time or len(runs) > 2 * len(questions) + MAX_SKIPPED:
        return None
    own = {question: best(runs, question) for question in questions}
    unfinished = [q for q, run in own.items() if run is None or not run.is_full(q)]
    suspects = _suspects(matched, runs)
    plan = last.plan if last.blocked is None else _without(matched, last.plan, last.blocked)
    if suspects:
        plan = Plan(last.plan.replaced | suspects, last.plan.skipped)
    again = {matched.steps[last.blocked].question} if suspects and last.blocked is not None else set()
    waiting = [
        q
        for q in unfinished
        if (own[q] is None or q in again) and q not in plan.replaced and _is_touched(matched, q)
    ]
    if plan != last.plan and waiting:
        return plan
    lost = [q for q in unfinished if own[q] is not None and q not in plan.replaced]
    plan = Plan(plan.replaced | set(lost[:1]), plan.skipped)
    hopeful = [q for q in unfinished if q not in plan.replaced and _is_touched(matched, q)]
    return plan if hopeful and plan != last.plan else None


def _without(matched: Matched, plan: Plan, blocked: int) -> Plan:
    """Return the plan that also leaves out the step that ended a run."""
    step = matched.steps[blocked]
    added = {number for number, step in enumerate(matched.steps) if step.is_added}
    if step.is_added:
        skipped = plan.skipped | {blocked}
        return Plan(plan.replaced, skipped if len(skipped) <= MAX_SKIPPED else frozenset(added))
    if step.question:
        return Plan(plan.replaced | {step.question}, plan.skipped)
    return Plan(plan.replaced, plan.skipped | {number for number in added if number < blocked})


def _suspects(matched: Matched, runs: Sequence[Run]) -> frozenset[str]:
    """Return the questions before the one that ended the last kernel, if another one has ended a kernel, too."""
    last = runs[-1]
    ends = [run.blocked for run in runs if run.blocked is not None and run.results[run.blocked].ended == "died"]
    places = {matched.steps[number].question for number in ends if not matched.steps[number].is_added}
    if last.blocked is None or last.blocked not in ends or matched.steps[last.blocked].is_added or len(places) < 2:
        return frozenset()
    return frozenset(q for q in last.checks if last.judged(q) and q != matched.steps[last.blocked].question)


def _is_touched(matched: Matched, question: str) -> bool:
    """Return whether the student wrote something for the question, which another run could grade."""
    written = (step for step in matched.steps if step.own and step.question == question and step.is_code)
    return any(step.source.strip() and not step.is_untouched for step in written)


def notes(
    matched: Matched, runs: Sequence[Run], questions: Sequence[str], cell_timeout: float, time_limit: float
) -> Mapping[str, str]:
    """Return, by question, what happened apart from its checks, as sentences for the student."""
    found: dict[str, str] = {}
    for run in runs:
        for number, result in run.results.items():
            step = matched.steps[number]
            if step.question in questions and step.own and (note := _note(result, cell_timeout)):
                found.setdefault(str(step.question), NOT_FILLED_IN if step.is_untouched else note)
    for question in questions:
        counted = best(runs, question)
        if counted is None:
            late = any(run.out_of_time for run in runs)
            reason = (
                f"the notebook ran past its {time_limit:g} s" if late else "an earlier cell ended the notebook"
            )
            found.setdefault(question, f"not run: {reason}")
        elif counted.plan.replaced and counted.earned(question) > 0:
            others = " and ".join(sorted(counted.plan.replaced))
            found.setdefault(question, f"graded in another run, with the instructor's result of {others}")
    return found


def _note(result: CellResult, cell_timeout: float) -> str:
    if result.ended == "timed_out" and result.error:
        return f"your cell was stopped by {result.error}"
    if result.ended == "timed_out":
        return f"your cell ran past {cell_timeout:g} s and was stopped; the other questions were graded without it"
    if result.ended == "died":
        reason = "it took more memory than allowed" if result.error == "memory" else result.error
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
        if run.plan.replaced:
            found.append(f"run {number} has the instructor's result of {' and '.join(sorted(run.plan.replaced))}")
        if run.blocked is not None:
            step = matched.steps[run.blocked]
            place = step.grade_id or "a cell that the student added"
            found.append(f"run {number} was ended by {place}: {run.results[run.blocked].ended}")
        if run.out_of_time:
            found.append(f"run {number} was ended by the time limit of the submission")
    return tuple(found)
