"""Which runs follow on a broken question, and which of them counts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from eventlab.grading.execution import regrade
from eventlab.grading.execution.notebook import Matched, Step
from eventlab.grading.execution.outputs import CellResult, Ended
from eventlab.grading.execution.regrade import Plan, Run
from eventlab.grading.results import CheckResult

QUESTIONS = ("q1", "q2", "q3", "q4")
FIRST = Plan()


def matched(untouched: Iterable[str] = (), added: Iterable[int] = ()) -> Matched:
    """A notebook with a solution cell and a check cell per question; added cells are at these places."""
    steps = []
    for q in QUESTIONS:
        steps.append(Step("code", "work", q, own=True, grade_id=q, is_untouched=q in untouched))
        steps.append(Step("code", "check", q, is_check=True, grade_id=f"{q}-check"))
    for number in added:
        steps.insert(number, Step("code", "scratch", own=True))
    return Matched(tuple(steps))


def test_a_cell_as_it_was_released_is_said_to_be_so() -> None:
    run = ran(passed=[])
    run.results[0] = CellResult("raised", error="NotImplementedError")
    found = regrade.notes(matched(untouched=["q1"]), [run], QUESTIONS, 60, 600)
    assert found["q1"] == "the cell is as it was released"


def checks(question: str, passed: bool) -> tuple[CheckResult, ...]:
    return (CheckResult(f"check of {question}", question, passed, 2.0 if passed else 0.0, 2.0),)


def ran(
    plan: Plan = FIRST,
    passed: Iterable[str] = QUESTIONS,
    judged: Iterable[str] = QUESTIONS,
    blocked: int | None = None,
) -> Run:
    run = Run(plan, checks={q: checks(q, q in passed) for q in judged if q not in plan.replaced}, blocked=blocked)
    if blocked is not None:
        run.results[blocked] = CellResult("timed_out", kernel_ended=True)
    return run


def died(plan: Plan, blocked: int, passed: Iterable[str], judged: Iterable[str]) -> Run:
    run = ran(plan, passed, judged, blocked)
    run.results[blocked] = CellResult("died", kernel_ended=True)
    return run


def plans(notebook: Matched, *runs: Run) -> list[Plan]:
    """The plans that follow when the submission runs like this, one after the other."""
    done: list[Run] = []
    made: list[Plan] = []
    for run in runs:
        done.append(run)
        plan = regrade.next_plan(notebook, QUESTIONS, done)
        if plan is None:
            break
        made.append(plan)
    return made


def points(runs: Sequence[Run]) -> list[float]:
    return [run.earned(q) if (run := regrade.best(runs, q)) else 0 for q in QUESTIONS]


def test_a_right_notebook_runs_once() -> None:
    assert plans(matched(), ran()) == []


def test_a_question_that_ends_the_kernel_costs_only_its_own_marks() -> None:
    first = ran(passed=["q1"], judged=["q1", "q2"], blocked=2)
    (plan,) = plans(matched(), first, ran(Plan(frozenset({"q2"}))))
    assert plan == Plan(replaced=frozenset({"q2"}))
    assert points([first, ran(plan)]) == [2, 0, 2, 2]


def test_a_wrong_question_that_breaks_later_ones_costs_only_its_own_marks() -> None:
    first = ran(passed=[])
    (plan,) = plans(matched(), first, ran(Plan(frozenset({"q1"}))))
    assert points([first, ran(plan)]) == [0, 2, 2, 2]


def test_what_the_instructors_result_earns_is_nobodys() -> None:
    plan = Plan(frozenset({"q1"}))
    assert points([ran(passed=[]), Run(plan, checks={q: checks(q, True) for q in QUESTIONS})]) == [0, 2, 2, 2]


def test_a_last_question_that_is_wrong_costs_no_second_run() -> None:
    assert plans(matched(), ran(passed=["q1", "q2", "q3"])) == []


def test_an_untouched_notebook_runs_once() -> None:
    assert plans(matched(untouched=QUESTIONS), ran(passed=[])) == []


def test_a_hopeless_notebook_ends_after_a_run_per_question() -> None:
    runs = [ran(passed=[]), *(ran(Plan(frozenset(QUESTIONS[:n])), passed=[]) for n in range(1, 5))]
    assert len(plans(matched(), *runs)) <= len(QUESTIONS)


def test_an_added_cell_that_ends_the_kernel_is_left_out_and_costs_nothing() -> None:
    first = ran(judged=["q1"], blocked=2)
    (plan,) = plans(matched(added=[2]), first, ran(Plan(skipped=frozenset({2}))))
    assert plan == Plan(skipped=frozenset({2}))
    assert points([first, ran(plan)]) == [2, 2, 2, 2]


def test_a_question_that_was_not_judged_is_not_replaced_because_an_earlier_one_is_wrong() -> None:
    first = ran(passed=[], judged=["q1"], blocked=2)
    assert plans(matched(added=[2]), first) == [Plan(skipped=frozenset({2}))]


def test_when_many_added_cells_end_the_kernel_all_added_cells_are_left_out() -> None:
    notebook = matched(added=[2, 3, 4, 5, 6])
    runs = [ran(Plan(skipped=frozenset(range(2, n))), judged=["q1"], blocked=n) for n in range(2, 7)]
    assert plans(notebook, *runs)[-1].skipped == {2, 3, 4, 5, 6}


def test_a_given_cell_that_hangs_is_blamed_on_the_cells_that_were_added_before_it() -> None:
    steps = list(matched(added=[0]).steps)
    steps.insert(1, Step("code", "setup", grade_id="setup"))
    assert plans(Matched(tuple(steps)), ran(judged=[], blocked=1)) == [Plan(skipped=frozenset({0}))]


def test_out_of_time_there_is_no_further_run() -> None:
    run = ran(judged=["q1"])
    run.out_of_time = True
    assert plans(matched(), run) == []
    notes = regrade.notes(matched(), [run], QUESTIONS, 60, 600)
    assert notes["q2"] == "not run: the notebook ran past its 600 s"


def test_cells_of_a_replaced_question_do_not_run_but_those_added_behind_its_check_do() -> None:
    plan = Plan(frozenset({"q1"}))
    own, check = matched().steps[:2]
    added = Step("code", "helper", "q1", own=True)
    assert [plan.runs(n, step, 1) for n, step in enumerate([own, check, added])] == [False, False, True]
    assert not plan.runs(0, added, 1)


def results(*ended: Ended) -> dict[int, CellResult]:
    return {number: CellResult(each, error="E: no") for number, each in enumerate(ended)}


def test_the_student_is_told_what_happened() -> None:
    late = ran(passed=["q1"], judged=["q1", "q2"], blocked=2)
    rest = ran(Plan(frozenset({"q2"})))
    notes = regrade.notes(matched(), [late, rest], QUESTIONS, 60, 600)
    assert notes["q2"] == "your cell ran past 60 s and was stopped; the other questions were graded without it"
    assert notes["q3"] == "graded in another run, with the instructor's result of q2"
    assert "q1" not in notes
    raised = ran()
    raised.results = results("raised")
    assert regrade.notes(matched(), [raised], QUESTIONS, 60, 600) == {"q1": "your cell raised E: no"}


def test_when_kernels_end_in_two_questions_the_ones_before_are_replaced_and_the_second_runs_again() -> None:
    runs = [
        died(FIRST, 2, passed=["q1"], judged=["q1", "q2"]),
        died(Plan(frozenset({"q2"})), 4, passed=["q1"], judged=["q1", "q3"]),
        ran(Plan(frozenset({"q1", "q2"}))),
    ]

    assert plans(matched(), *runs) == [Plan(frozenset({"q2"})), Plan(frozenset({"q1", "q2"}))]
    assert points(runs) == [2, 0, 2, 2]
