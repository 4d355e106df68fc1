"""Which data a further run has, and whether it judges a question again."""

from __future__ import annotations

from dataclasses import replace

from eventlab.grading.execution import regrade
from eventlab.grading.execution.run import Omissions, Run
from tests.grading.test_regrade import FIRST, QUESTIONS, alone, died, matched, ran


def test_a_question_has_other_data_when_it_is_judged_after_its_result_was_shown() -> None:
    run_1 = died(FIRST, 2, [], ["q1", "q2"])
    shown = Omissions(frozenset({"q2"}))
    assert regrade.seed_of_next([], FIRST, 7) == 7
    assert regrade.seed_of_next([replace(run_1, seed=7)], shown, 7) == 7

    run_2 = ran(shown)
    again = regrade.seed_of_next([replace(run_1, seed=7), replace(run_2, seed=7)], alone("q2"), 7)

    assert again != 7


def test_data_that_showed_no_result_of_a_question_are_kept() -> None:
    runs = [ran(Omissions(frozenset({"q1"}))), ran(Omissions(frozenset({"q1", "q2"})))]
    further = Omissions(frozenset({"q1", "q2", "q3"}), frozenset({5}))
    assert regrade.seed_of_next([replace(run, seed=7) for run in runs], further, 7) == 7


def test_results_that_were_shown_with_other_data_change_nothing() -> None:
    runs = [replace(ran(Omissions(frozenset({"q2"}))), seed=7), replace(ran(alone("q2")), seed=8)]
    assert regrade.seed_of_next(runs, alone("q2"), 7) == 8
    assert regrade.seed_of_next(runs, FIRST, 7) not in (7, 8)


def test_a_question_is_not_judged_again_by_a_run_that_does_the_same_before_its_check() -> None:
    notebook = matched(added=[8])
    check_steps = notebook.check_steps(QUESTIONS)
    first = died(FIRST, 8, ["q1"], QUESTIONS)
    without_the_last = Run(Omissions(skipped=frozenset({8})))

    def results(run: Run, question: str) -> object:
        return regrade.judged_before(notebook, check_steps, [first, run], question)

    assert [results(without_the_last, q) for q in QUESTIONS] == [first.checks[q] for q in QUESTIONS]
    assert regrade.judged_before(notebook, check_steps, [first], "q1") is None


def test_a_question_is_judged_again_when_something_before_its_check_is_left_out() -> None:
    notebook = matched(added=[4])
    check_steps = notebook.check_steps(QUESTIONS)
    first = ran(passed=["q1"])

    def is_judged(run: Run, question: str) -> bool:
        return regrade.judged_before(notebook, check_steps, [first, run], question) is None

    assert [is_judged(Run(Omissions(skipped=frozenset({4}))), q) for q in QUESTIONS] == [False, False, True, True]
    assert [is_judged(Run(Omissions(frozenset({"q2"}))), q) for q in ("q1", "q3", "q4")] == [False, True, True]
    assert is_judged(Run(seed=1), "q1"), "the data are other ones"
    first.disturbed.add("q3")
    assert is_judged(Run(), "q3"), "another job may have disturbed its trial"


def test_a_question_is_judged_again_with_the_instructors_result_of_an_earlier_one_that_is_empty() -> None:
    notebook = matched()
    steps = [replace(step, source="") if step.question == "q2" and step.own else step for step in notebook.steps]
    notebook = replace(notebook, steps=tuple(steps))
    further = Run(Omissions(frozenset({"q2"})))

    judged = [
        regrade.judged_before(notebook, notebook.check_steps(QUESTIONS), [ran(passed=["q1"]), further], question)
        is None
        for question in ("q1", "q3", "q4")
    ]

    assert judged == [False, True, True]
