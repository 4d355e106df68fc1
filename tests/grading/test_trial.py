"""A trial on a worker's stack: a right job keeps its marks through all failures, wrong ones lose theirs."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from eventlab.grading.environment import sandbox
from tests.grading.worker_network import report_of
from tests.skips import requires_tool

pytestmark = [
    pytest.mark.services,
    pytest.mark.timeout(300),
    requires_tool("bwrap", sandbox.support().reason),
]


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    """What `on_trial.py` found, in a network of its own."""
    return report_of("on_trial")


def failed(report: dict[str, Any], question: str) -> dict[str, str]:
    """What each check that failed has found."""
    return {
        name: verdict["got"] for name, verdict in report["verdicts"][question].items() if not verdict["passed"]
    }


def test_a_right_job_keeps_all_marks_although_everything_was_killed_once(report: dict) -> None:
    assert failed(report, "q1") == {}


def test_a_batch_that_is_repeated_and_appended_is_there_twice_and_the_first_such_purchase_is_named(
    report: dict,
) -> None:
    (found,) = failed(report, "q2").items()

    assert found[0] == "no purchase is there twice"
    assert found[1].startswith("written: this purchase is there twice: offset ")
    assert "HDFS refused the next commit to the checkpoint" in found[1]


def test_a_watermark_that_is_too_short_drops_late_purchases_and_the_first_of_them_is_named(report: dict) -> None:
    (found,) = failed(report, "q3").items()

    assert found[0] == "each minute counts its purchases"
    assert found[1].startswith("windowed: this late purchase is not counted: offset ")


def test_the_notebook_is_suspended_meanwhile_and_the_trial_takes_none_of_its_time(report: dict) -> None:
    pauses = [after - before for before, after in pairwise(report["ticks"])]

    assert max(pauses) > 15
    assert report["budget"] < 15


def test_failures_of_the_grader_are_no_fault_of_the_machine_and_nothing_is_left(report: dict) -> None:
    assert report["is_clean"]
    assert len(report["restarts"]) == 1, report["restarts"]
    assert "Spark restarted" in report["restarts"][0]
    assert "a streaming query" in report["restarts"][0]
