"""One run of a submission: execute the steps of its notebook, and have each question judged at its check cell."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from eventlab.grading import fair_time
from eventlab.grading.execution.kernel import SubmissionKernel
from eventlab.grading.execution.notebook import Matched, Step
from eventlab.grading.execution.outputs import CellResult
from eventlab.grading.results import CheckResult

OUT_OF_TIME = "the time limit of the submission"


@dataclass(frozen=True)
class Omissions:
    """What a run leaves out; the first run leaves out nothing.

    Attributes:
        replaced: Questions whose cells do not run; the state of the instructor's run takes their place.
        skipped: Numbers of the added cells that do not run.
    """

    replaced: frozenset[str] = frozenset()
    skipped: frozenset[int] = frozenset()

    def keeps(self, number: int, step: Step, check_step: int | None) -> bool:
        """Return whether a step is not left out.

        Args:
            number: The number of the step.
            step: The step.
            check_step: The number of the step after which its question is judged, or None without a question.
        """
        if number in self.skipped or not step.is_code or not step.source.strip():
            return False
        if step.is_check and (self.replaced or self.skipped):
            return False  # it shows a text only, and outputs of further runs are not shown
        if step.question not in self.replaced:
            return True
        return step.is_added and check_step is not None and number > check_step


@dataclass
class Run:
    """One execution of a submission.

    Attributes:
        results: How each step that ran has ended, by its number.
        checks: The results of the checks of each question that was judged.
        ended_by: The number of the step that ended the kernel, or None.
        out_of_time: Whether the time limit of the submission ended the run.
        interrupted: Whether a fault of the machine ended the run.
        problems: What else went wrong, as sentences for the instructor.
        parameters: The values that were injected into the notebook.
        defaults: How the cell with the default parameters has ended, or None when it did not run.
        disturbed: Questions whose trial another job may have disturbed.
        seed: The seed of its data.
    """

    omissions: Omissions = Omissions()
    results: dict[int, CellResult] = field(default_factory=dict)
    checks: dict[str, tuple[CheckResult, ...]] = field(default_factory=dict)
    ended_by: int | None = None
    out_of_time: bool = False
    interrupted: bool = False
    problems: list[str] = field(default_factory=list)
    parameters: Mapping[str, object] = field(default_factory=dict)
    defaults: CellResult | None = None
    disturbed: set[str] = field(default_factory=set)
    seed: int = 0

    def judged(self, question: str) -> bool:
        """Return whether the question was judged with the student's cells."""
        return question in self.checks and question not in self.omissions.replaced

    def earned(self, question: str) -> float:
        """Return the points of a question in this run."""
        return sum(check.points for check in self.checks.get(question, ()))

    def is_full(self, question: str) -> bool:
        """Return whether all checks of a question passed in this run."""
        return all(check.passed for check in self.checks.get(question, ()))


def best(runs: Sequence[Run], question: str) -> Run | None:
    """Return the run in which the student's cells of a question earned most, or None when it was never judged."""
    return max((run for run in runs if run.judged(question)), key=lambda run: run.earned(question), default=None)


@dataclass
class TimeBudget:
    """The wall-clock time of a submission over all its runs, in seconds, as the clock counts them."""

    limit: float
    used: float = 0.0
    clock: Callable[[], float] = field(default=fair_time.now, repr=False)

    @property
    def remaining(self) -> float:
        """Return the seconds that are left."""
        return max(0.0, self.limit - self.used)

    @contextlib.contextmanager
    def measured(self) -> Iterator[None]:
        """Count the time of the block."""
        started = self.clock()
        try:
            yield
        finally:
            self.used += max(0.0, self.clock() - started)


@dataclass
class NotebookExecutor:
    """Executes a notebook once in a kernel.

    Attributes:
        matched: The steps.
        check_steps: By question, the number of the step after which it is judged.
        kernel: The kernel.
        parameters: The values of the cell with the parameters.
        cell_timeout: Seconds that a cell may run.
        budget: The time of the submission.
        judge: Called with a question when its check cell has been passed. It counts its time in the budget itself.
        put_result: Called with a replaced question when its check cell is reached: puts the instructor's result
            in the place of the student's.
        run: Receives the results.
    """

    matched: Matched
    check_steps: Mapping[str, int]
    kernel: SubmissionKernel
    parameters: Mapping[str, object]
    cell_timeout: float
    budget: TimeBudget
    judge: Callable[[str], None]
    put_result: Callable[[str], None]
    run: Run

    def execute(self) -> None:
        """Run the steps until one ends the kernel or the time is over; errors are kept and the next step runs."""
        for number in range(len(self.matched.steps)):
            with self.budget.measured():
                self._run_step(number)
            self._judge_due(number)
            if self.run.ended_by is not None or self.run.out_of_time:
                return

    def _run_step(self, number: int) -> None:
        step = self.matched.steps[number]
        check_step = self.check_steps.get(step.question) if step.question else None
        if not self.run.omissions.keeps(number, step, check_step):
            return
        remaining = self.budget.remaining
        if not remaining:
            self.run.out_of_time = True
            return
        source = step.source
        if step.parameters:  # as papermill does: the defaults first, then the values in a cell of their own
            self.run.parameters = self.parameters
            self.run.defaults = self.kernel.execute(source, min(self.cell_timeout, remaining))
            source = injected(self.parameters)
        result = self.kernel.execute(source, min(self.cell_timeout, remaining))
        self.run.results[number] = result
        if result.ended == "timed_out" and remaining < self.cell_timeout:
            result.error, self.run.out_of_time = OUT_OF_TIME, True
        if result.kernel_ended:
            self.run.ended_by = number

    def _judge_due(self, number: int) -> None:
        """Judge the questions whose check cell this step is, and the question whose own cell ended the kernel."""
        if self.run.out_of_time:
            return
        due = [question for question, check_step in self.check_steps.items() if check_step == number]
        step = self.matched.steps[number]
        if (
            self.run.ended_by is not None
            and not step.is_added
            and step.question
            and step.question in self.check_steps
        ):
            due.append(step.question)
        for question in dict.fromkeys(due):
            if question in self.run.omissions.replaced:
                self.put_result(question)
            elif question not in self.run.checks:
                self.judge(question)

    @property
    def answers(self) -> dict[str, Any]:
        """Return the answers that the notebook has declared so far; the last one of a question counts."""
        return self.kernel.answers


def injected(parameters: Mapping[str, object]) -> str:
    """Return the source of the cell that papermill injects for these parameters, which are texts and integers.

    papermill's own function takes half a second to import: `translators.PythonTranslator.codify`.
    """
    return "# Parameters\n" + "".join(f"{name} = {_literal(value)}\n" for name, value in parameters.items())


def _literal(value: object) -> str:
    if isinstance(value, int):
        return str(value)
    escaped = str(value).encode("unicode_escape").decode().replace('"', r"\"")
    return f'"{escaped}"'
