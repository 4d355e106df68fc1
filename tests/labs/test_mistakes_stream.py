"""A wrong job of lab 5 is recognized in whichever portion its failure shows, and another wrong one is not."""

import pytest

from eventlab.grading.trials import seed_of_trial
from eventlab.labs.catalogue import find
from eventlab.labs.mistakes import Result, verdicts
from tests.labs.test_fair_marks_stream import KIND_OF_Q2, STREAM, naive, rows, trial
from tests.labs.test_mistakes import recognized

LAB = find("lab05")
SEED = 3
TRIAL = seed_of_trial(SEED)
ALL = STREAM.purchases(TRIAL)
FAILURES = range(1, 5)
"""The portions that have a failure."""
KINDS = [failure.kind if failure else "" for failure in STREAM.trial(TRIAL)[1]]


def named(question, **left):
    found = Result(**{"trial": trial(TRIAL)} | left)
    return recognized(LAB, question, SEED, verdicts(found, question, LAB.checks_of(question), TRIAL))


def in_purchases(sent, **left):
    return named("q2", tables={"q2/table": rows(sent)}, columns={"q2/table": KIND_OF_Q2}, **left)


def of(number):
    steps = trial(TRIAL)["steps"]
    return [one for one in ALL if (steps[number - 1]["end"] if number else 0) <= one.offset < steps[number]["end"]]


@pytest.mark.parametrize("number", FAILURES)
def test_a_repeated_batch_is_recognized_in_each_portion_and_in_several(number):
    assert in_purchases([*ALL, *of(number)]) == {"append without a key"}
    assert in_purchases([*ALL, *of(number), *of(1)[3:]]) == {"append without a key"}


@pytest.mark.parametrize("number", FAILURES)
def test_a_lost_batch_is_recognized_in_each_portion_and_in_several(number):
    assert in_purchases([one for one in ALL if one not in of(number)]) == {"commit before the write"}
    assert in_purchases([one for one in ALL if one not in of(number) + of(2)]) == {"commit before the write"}


def test_a_table_that_each_batch_replaces_has_lost_purchases_otherwise():
    assert in_purchases(of(5)) == set()
    assert in_purchases(of(4) + of(5)) == set()


def test_a_part_of_the_late_purchases_is_no_known_mistake():
    late = [one for one in ALL if one.behind_s > STREAM.LATE_S]

    assert in_purchases([one for one in ALL if one is not late[0]]) == set()
    assert in_purchases([one for one in ALL if one not in late]) == {"watermark too short"}


def test_a_job_that_hangs_is_recognized_whatever_a_later_start_of_it_has_written():
    stalled = trial(TRIAL, stalled={"q2": KINDS.index("commit")})

    assert in_purchases(ALL, trial=stalled) == {"exception swallowed"}
    assert in_purchases(of(0), trial=stalled) == {"exception swallowed"}


def test_a_job_that_ends_with_an_error_each_time_does_not_hang():
    """The default mode of a writer refuses to write a repeated batch into a folder that exists."""
    stalled = trial(TRIAL, stalled={"q2": KINDS.index("commit")}, errors={"q2": "PATH_ALREADY_EXISTS"})

    assert in_purchases(ALL, trial=stalled | {"given_up": ["q2"]}) == set()


def test_a_job_that_hangs_is_recognized_although_it_has_ended_with_an_error_once():
    """A machine without time to spare can make Spark fail."""
    stalled = trial(TRIAL, stalled={"q2": KINDS.index("commit")}, errors={"q2": "Python worker failed to connect"})

    assert in_purchases(ALL, trial=stalled) == {"exception swallowed"}


def test_a_job_without_a_checkpoint_is_recognized_by_its_results_only():
    stalled = trial(TRIAL, stalled={"q3": 0})
    columns = {"q3/table": {"start": "timestamp", "purchases": "int64"}}

    without = {"checkpoint in the wrong place"}
    assert named("q3", tables={"q3/table": naive(TRIAL) * 2}, columns=columns, trial=stalled) == without
    assert named("q3", tables={"q3/table": []}, columns={"q3/table": {}}, trial=stalled) == set()


def test_a_job_that_was_in_no_trial_makes_no_known_mistake():
    assert named("q2", trial={}) == set()
