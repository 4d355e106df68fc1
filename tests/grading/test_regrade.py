"""Which runs follow on a broken question, and which of them counts."""

from __future__ import annotations

from collections.abc import Iterable

from eventlab.grading.execution import regrade
from eventlab.grading.execution.notebook import Matched, Step
from eventlab.grading.execution.outputs import CellResult
from eventlab.grading.execution.regrade import Run
from eventlab.grading.results import CheckResult

QUESTIONS = ("q1", "q2", "q3", "q4")


def matched(untouched: Iterable[str] = ()) -> Matched:
    """A notebook with a cell a question."""
    stub = "# YOUR CODE HERE\nraise NotImplementedError()"
    return Matched(
        tuple(Step("code", stub if q in untouched else "work", q, own=True, solution="right") for q in QUESTIONS)
    )


def ran(broken: Iterable[str], passed: Iterable[str], blocked: str | None = None) -> Run:
    checks = {
        q: (CheckResult(f"check of {q}", q, q in passed, 2.0 if q in passed else 0.0, 2.0),) for q in QUESTIONS
    }
    step = Step("code", "", blocked, own=True) if blocked else None
    return Run(frozenset(broken), checks=checks, blocked=step)


class Student:
    """Runs notebooks whose question `bad` breaks all later ones, unless the instructor's is in its place."""

    def __init__(self, bad: str, *, blocks: bool = False) -> None:
        self.bad, self.blocks = bad, blocks
        self.runs: list[frozenset[str | None]] = []

    def __call__(self, broken: frozenset[str | None]) -> Run:
        self.runs.append(broken)
        if self.bad in broken:
            return ran(broken, QUESTIONS)  # type: ignore[arg-type]
        good = QUESTIONS[: QUESTIONS.index(self.bad)]
        return ran(broken, good, self.bad if self.blocks else None)  # type: ignore[arg-type]


def test_a_right_notebook_runs_once() -> None:
    student = Student("q1")
    regrade.runs_of(matched(), QUESTIONS, lambda broken: student(broken | {"q1"}))
    assert len(student.runs) == 1


def test_a_question_that_ends_the_kernel_costs_only_its_own_marks() -> None:
    student = Student("q2", blocks=True)
    runs = regrade.runs_of(matched(), QUESTIONS, student)
    assert student.runs == [frozenset(), frozenset({"q2"})]
    assert [regrade.best(runs, q).earned(q) for q in QUESTIONS] == [2, 0, 2, 2]


def test_a_wrong_question_that_breaks_later_ones_costs_only_its_own_marks() -> None:
    runs = regrade.runs_of(matched(), QUESTIONS, Student("q1"))
    assert [regrade.best(runs, q).earned(q) for q in QUESTIONS] == [0, 2, 2, 2]


def test_what_the_instructors_cells_earn_is_nobodys() -> None:
    runs = [ran((), ()), ran(("q1",), QUESTIONS)]
    assert regrade.best(runs, "q1").earned("q1") == 0


def test_a_last_question_that_is_wrong_costs_no_second_run() -> None:
    student = Student("q4")
    regrade.runs_of(matched(), QUESTIONS, student)
    assert len(student.runs) == 1


def test_an_untouched_notebook_runs_once() -> None:
    runs = regrade.runs_of(matched(untouched=QUESTIONS), QUESTIONS, lambda broken: ran(broken, ()))  # type: ignore[arg-type]
    assert len(runs) == 1


def test_all_questions_hopeless_ends_after_a_run_a_question() -> None:
    runs = regrade.runs_of(matched(), QUESTIONS, lambda broken: ran(broken, ()))  # type: ignore[arg-type]
    assert len(runs) <= len(QUESTIONS) + 1


def test_the_student_is_told_what_happened() -> None:
    late = ran((), ("q1",), "q2")
    late.results = [(Step("code", "", "q2", own=True), CellResult("timed_out"))]
    rest = ran(("q2",), QUESTIONS)
    told = regrade.notes([late, rest], QUESTIONS, 60)
    assert told["q2"] == "your cell ran past 60 s; the rest was graded with the instructor's"
    assert told["q3"] == "graded with the instructor's q2 before it"
    assert "q1" not in told
