"""Which runs follow on a broken question, and which of them counts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest

from eventlab.grading.execution import marks, regrade
from eventlab.grading.execution.notebook import Matched, Step
from eventlab.grading.execution.outputs import CellResult, Ended
from eventlab.grading.execution.run import Omissions, Run
from eventlab.grading.results import CheckResult

QUESTIONS = ("q1", "q2", "q3", "q4")
FIRST = Omissions()


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
    found = marks.notes(matched(untouched=["q1"]), [run], QUESTIONS, 60, 600)
    assert found["q1"] == "the cell is as it was released"


def checks(question: str, passed: bool) -> tuple[CheckResult, ...]:
    return (CheckResult(f"check of {question}", question, passed, 2.0 if passed else 0.0, 2.0),)


def ran(
    omissions: Omissions = FIRST,
    passed: Iterable[str] = QUESTIONS,
    judged: Iterable[str] = QUESTIONS,
    ended_by: int | None = None,
) -> Run:
    run = Run(
        omissions,
        checks={q: checks(q, q in passed) for q in judged if q not in omissions.replaced},
        ended_by=ended_by,
    )
    if ended_by is not None:
        run.results[ended_by] = CellResult("timed_out", kernel_ended=True)
    return run


def died(omissions: Omissions, ended_by: int, passed: Iterable[str], judged: Iterable[str]) -> Run:
    run = ran(omissions, passed, judged, ended_by)
    run.results[ended_by] = CellResult("died", kernel_ended=True)
    return run


def further_omissions(notebook: Matched, *runs: Run) -> list[Omissions]:
    """The plans that follow when the submission runs like this, one after the other."""
    done: list[Run] = []
    made: list[Omissions] = []
    for run in runs:
        done.append(run)
        omissions = regrade.next_omissions(notebook, QUESTIONS, done)
        if omissions is None:
            break
        made.append(omissions)
    return made


def alone(question: str) -> Omissions:
    """All other questions are replaced."""
    return Omissions(frozenset(QUESTIONS) - {question})


def points(runs: Sequence[Run]) -> list[float]:
    return [run.earned(q) if (run := regrade.best(runs, q)) else 0 for q in QUESTIONS]


def test_a_right_notebook_runs_once() -> None:
    assert further_omissions(matched(), ran()) == []


def test_a_question_that_ends_the_kernel_costs_only_its_own_marks() -> None:
    first = ran(passed=["q1"], judged=["q1", "q2"], ended_by=2)
    (omissions,) = further_omissions(matched(), first, ran(Omissions(frozenset({"q2"}))))
    assert omissions == Omissions(replaced=frozenset({"q2"}))
    assert points([first, ran(omissions)]) == [2, 0, 2, 2]


def test_a_wrong_question_that_breaks_later_ones_costs_only_its_own_marks() -> None:
    first = ran(passed=[])
    (omissions,) = further_omissions(matched(), first, ran(Omissions(frozenset({"q1"}))))
    assert points([first, ran(omissions)]) == [0, 2, 2, 2]


def test_what_the_instructors_result_earns_is_nobodys() -> None:
    omissions = Omissions(frozenset({"q1"}))
    assert points([ran(passed=[]), Run(omissions, checks={q: checks(q, True) for q in QUESTIONS})]) == [0, 2, 2, 2]


def test_a_last_question_that_is_wrong_costs_no_second_run() -> None:
    assert further_omissions(matched(), ran(passed=["q1", "q2", "q3"])) == []


def test_an_untouched_notebook_runs_once() -> None:
    assert further_omissions(matched(untouched=QUESTIONS), ran(passed=[])) == []


def test_a_hopeless_notebook_ends_after_a_run_per_question() -> None:
    runs = [ran(passed=[]), *(ran(Omissions(frozenset(QUESTIONS[:n])), passed=[]) for n in range(1, 5))]
    assert len(further_omissions(matched(), *runs)) <= len(QUESTIONS)


def test_an_added_cell_that_ends_the_kernel_is_left_out_and_costs_nothing() -> None:
    first = ran(judged=["q1"], ended_by=2)
    (omissions,) = further_omissions(matched(added=[2]), first, ran(Omissions(skipped=frozenset({2}))))
    assert omissions == Omissions(skipped=frozenset({2}))
    assert points([first, ran(omissions)]) == [2, 2, 2, 2]


def test_a_question_that_was_not_judged_is_not_replaced_because_an_earlier_one_is_wrong() -> None:
    first = ran(passed=[], judged=["q1"], ended_by=2)
    assert further_omissions(matched(added=[2]), first) == [Omissions(skipped=frozenset({2}))]


def test_when_many_added_cells_end_the_kernel_all_added_cells_are_left_out() -> None:
    notebook = matched(added=[2, 3, 4, 5, 6])
    runs = [ran(Omissions(skipped=frozenset(range(2, n))), judged=["q1"], ended_by=n) for n in range(2, 7)]
    assert further_omissions(notebook, *runs)[-1].skipped == {2, 3, 4, 5, 6}


def test_a_given_cell_that_hangs_is_blamed_on_the_cells_that_were_added_before_it() -> None:
    steps = list(matched(added=[0]).steps)
    steps.insert(1, Step("code", "setup", grade_id="setup"))
    assert further_omissions(Matched(tuple(steps)), ran(judged=[], ended_by=1)) == [
        Omissions(skipped=frozenset({0}))
    ]


def test_out_of_time_there_is_no_further_run() -> None:
    run = ran(judged=["q1"])
    run.out_of_time = True
    assert further_omissions(matched(), run) == []
    notes = marks.notes(matched(), [run], QUESTIONS, 60, 600)
    assert notes["q2"] == "not run: the notebook ran past its 600 s"


def test_cells_of_a_replaced_question_do_not_run_but_those_added_behind_its_check_do() -> None:
    omissions = Omissions(frozenset({"q1"}))
    own, check = matched().steps[:2]
    added = Step("code", "helper", "q1", own=True)
    assert [omissions.keeps(n, step, 1) for n, step in enumerate([own, check, added])] == [False, False, True]
    assert not omissions.keeps(0, added, 1)


def results(*ended: Ended) -> dict[int, CellResult]:
    return {number: CellResult(each, error="E: no") for number, each in enumerate(ended)}


def test_the_student_is_told_what_happened() -> None:
    late = ran(passed=["q1"], judged=["q1", "q2"], ended_by=2)
    rest = ran(Omissions(frozenset({"q2"})))
    notes = marks.notes(matched(), [late, rest], QUESTIONS, 60, 600)
    assert notes["q2"] == "your cell ran past 60 s and was stopped; the other questions were graded without it"
    assert notes["q3"] == "graded in another run, with the instructor's result of q2"
    assert "q1" not in notes
    raised = ran()
    raised.results = results("raised")
    assert marks.notes(matched(), [raised], QUESTIONS, 60, 600) == {"q1": "your cell raised E: no"}


def test_a_kernel_that_dies_later_in_two_questions_costs_neither_of_them_marks() -> None:
    runs = [
        died(FIRST, 2, passed=["q1"], judged=["q1", "q2"]),
        died(Omissions(frozenset({"q2"})), 4, passed=["q1"], judged=["q1", "q3"]),
        ran(Omissions(frozenset({"q1"}))),
    ]

    assert further_omissions(matched(), *runs) == [Omissions(frozenset({"q2"})), Omissions(frozenset({"q1"}))]
    assert points(runs) == [2, 2, 2, 2]
    told = marks.notes(matched(), runs, QUESTIONS, 60, 600)
    assert told["q2"] == "graded in another run, with the instructor's result of q1"


def test_a_kernel_that_dies_later_in_one_question_does_not_cost_it_marks() -> None:
    runs = [
        died(FIRST, 2, passed=["q1"], judged=["q1", "q2"]),
        ran(Omissions(frozenset({"q2"}))),
        ran(Omissions(frozenset({"q1", "q3", "q4"}))),
    ]

    assert further_omissions(matched(), *runs) == [Omissions(frozenset({"q2"})), runs[2].omissions]
    assert points(runs) == [2, 2, 2, 2]


def test_questions_that_each_end_the_kernel_run_once_without_earlier_ones_and_cost_the_others_nothing() -> None:
    runs = [
        died(FIRST, 2, passed=["q1"], judged=["q1", "q2"]),
        died(Omissions(frozenset({"q2"})), 4, passed=["q1"], judged=["q1", "q3"]),
        died(Omissions(frozenset({"q1"})), 2, passed=[], judged=["q2"]),
        died(Omissions(frozenset({"q1", "q2"})), 4, passed=[], judged=["q3"]),
        ran(Omissions(frozenset({"q1", "q2", "q3"}))),
    ]

    assert further_omissions(matched(), *runs) == [run.omissions for run in runs[1:]]
    assert points(runs) == [2, 0, 0, 2]


def test_an_answer_above_its_own_untouched_cell_runs_again_after_an_earlier_question_ended_the_notebook() -> None:
    steps = list(matched(untouched=["q2"]).steps)
    steps.insert(2, Step("code", "the answer", "q1", own=True))  # it follows the check of q1
    first = ran(judged=["q1"], passed=[], ended_by=0)
    assert further_omissions(Matched(tuple(steps)), first) == [Omissions(frozenset({"q1"}))]


def test_a_question_that_was_not_judged_because_of_the_machine_says_so() -> None:
    run = ran(judged=["q1"])
    run.interrupted = True
    assert marks.notes(matched(), [run], QUESTIONS, 60, 600)["q2"] == "not run: the grading was interrupted"


def of_jobs(omissions: Omissions, disturber: str, *, ends_kernel: bool) -> Run:
    """A run in which one job disturbs the trial of all jobs that take part."""
    jobs = [q for q in QUESTIONS if q not in omissions.replaced]
    if disturber not in jobs:
        return ran(omissions)
    judged = jobs[:2] if ends_kernel else jobs
    check = matched().check_steps(QUESTIONS)[judged[-1]]
    ended_by = check if ends_kernel and not omissions.replaced else None  # in further runs no check cell runs
    run = died(omissions, ended_by, [], judged) if ended_by else ran(omissions, [], judged)
    run.disturbed.update(judged)
    return run


@pytest.mark.parametrize("ends_kernel", [True, False])
@pytest.mark.parametrize("disturber", QUESTIONS)
def test_a_job_that_disturbs_the_trial_of_all_jobs_costs_only_its_own_marks(
    disturber: str, ends_kernel: bool
) -> None:
    runs: list[Run] = []
    omissions: Omissions | None = FIRST
    while omissions is not None:
        runs.append(of_jobs(omissions, disturber, ends_kernel=ends_kernel))
        omissions = regrade.next_omissions(matched(), QUESTIONS, runs)
    assert points(runs) == [0 if q == disturber else 2 for q in QUESTIONS]
    assert len(runs) <= 1 + len(QUESTIONS)


def test_of_two_questions_that_lost_marks_only_the_one_whose_trial_is_doubtful_runs_alone() -> None:
    first = ran(passed=["q1", "q4"])
    first.disturbed.add("q3")
    alone = ran(Omissions(frozenset({"q1", "q2", "q4"})), passed=["q3"])

    found = further_omissions(matched(), first, alone)

    assert found[0] == alone.omissions
    assert Omissions(frozenset({"q1", "q3", "q4"})) not in found
