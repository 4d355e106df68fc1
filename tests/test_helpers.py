"""What the tests' own helpers promise."""

from __future__ import annotations

import time

from tests.helpers import Stopwatch


def test_a_stopwatch_counts_all_that_this_process_computes() -> None:
    taken, end = Stopwatch(), time.process_time() + 0.3
    while time.process_time() < end:
        pass

    assert taken.seconds > 0.2


def test_a_stopwatch_counts_the_time_in_which_this_process_waits_for_nothing_but_time() -> None:
    taken = Stopwatch()
    time.sleep(0.3)

    assert taken.seconds > 0.1
