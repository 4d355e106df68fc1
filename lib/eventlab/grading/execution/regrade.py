"""Further runs with the instructor's solution in place of a broken question, so that others keep their marks.

Every run has a new namespace and kernel. A question gets the points of the best run in which its cells were the
student's; points that the instructor's cells earned do not count.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from eventlab.grading.execution.notebook import Matched, Step
from eventlab.grading.execution.outputs import CellResult
from eventlab.grading.results import CheckResult

UNTOUCHED = ("", "# YOUR CODE HERE\nraise NotImplementedError()")


@dataclass
class Run:
    """One execution: how each step ended, and the results of the checks."""

    broken: frozenset[str | None]
    results: list[tuple[Step, CellResult]] = field(default_factory=list)
    checks: dict[str, tuple[CheckResult, ...]] = field(default_factory=dict)
    blocked: Step | None = None
    ended: str = "done"

    def earned(self, question: str) -> float:
        """Return the points of a question in this run."""
        return sum(check.points for check in self.checks.get(question, ()))

    def is_full(self, question: str) -> bool:
        """Return whether all checks of a question passed in this run."""
        return all(check.passed for check in self.checks.get(question, ()))


def runs_of(
    matched: Matched, questions: Sequence[str], execute: Callable[[frozenset[str | None]], Run]
) -> list[Run]:
    """Return the run of the submission, then runs with replaced questions while they can gain points."""
    runs = [execute(frozenset())]
    while (broken := next_broken(matched, questions, runs)) is not None:
        runs.append(execute(broken))
    return runs


def next_broken(matched: Matched, questions: Sequence[str], runs: Sequence[Run]) -> frozenset[str | None] | None:
    """Return which questions to replace next, or None when nothing is left to gain.

    What stopped a run is replaced, and the first question that lost marks: later ones may only suffer from it.
    """
    last = runs[-1]
    if len(runs) > len(questions) + 1:
        return None
    stuck = {run.blocked.question for run in runs if run.blocked}
    lost = [q for q in questions if q not in last.broken and not any(run.is_full(q) for run in own(runs, q))]
    broken = set(last.broken) | stuck | set(lost[:1])
    sources = matched.sources
    hopeful = [
        q for q in questions if q in lost and q not in broken and sources.get(q, "").strip() not in UNTOUCHED
    ]
    return frozenset(broken) if hopeful and broken != set(last.broken) else None


def own(runs: Sequence[Run], question: str) -> list[Run]:
    """Return the runs in which the question's cells were the student's."""
    return [run for run in runs if question not in run.broken]


def best(runs: Sequence[Run], question: str) -> Run:
    """Return the run in which the student's cells of a question earned most."""
    return max(own(runs, question), key=lambda run: run.earned(question))


def notes(runs: Sequence[Run], questions: Sequence[str], cell_timeout: float) -> Mapping[str, str]:
    """Return, by question, what happened apart from its checks, as sentences for the student."""
    found: dict[str, str] = {}
    for run in runs:
        for step, result in run.results:
            question = step.question
            if question is None or question not in questions or question in run.broken or not step.own:
                continue
            if question not in found and (told := _told(result, cell_timeout)):
                found[question] = told
    for question in questions:
        replaced = sorted(q for q in best(runs, question).broken if q)
        if replaced and question not in replaced and best(runs, question).earned(question) > 0:
            others = " and ".join(replaced)
            found.setdefault(question, f"graded with the instructor's {others} before it")
    return found


def _told(result: CellResult, cell_timeout: float) -> str:
    if result.ended == "timed_out":
        return f"your cell ran past {cell_timeout:g} s; the rest was graded with the instructor's"
    if result.ended == "died":
        why = "it took more memory than allowed" if result.error == "memory" else result.error
        return f"your cell ended the kernel ({why}); the rest was graded with the instructor's"
    if result.ended == "raised":
        return f"your cell raised {result.error[:300]}"
    return ""
