"""A trial on a worker's stack: a right job keeps its marks through all failures, wrong ones lose theirs."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from eventlab.grading.environment import sandbox
from eventlab.grading.worker_process import worker_environment
from eventlab.settings import ROOT
from tests.skips import requires_tool

pytestmark = [
    pytest.mark.services,
    pytest.mark.timeout(300),
    requires_tool("bwrap", sandbox.support().reason),
]


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """What `on_trial.py` found, in a network of its own."""
    run = Path(tempfile.mkdtemp(prefix="eg"))
    run.chmod(0o755)
    env = worker_environment(run, contained=True) | {"PYTHONPATH": str(ROOT)}
    command = sandbox.of_worker([sys.executable, "-m", "tests.grading.on_trial", str(run)])
    done = subprocess.run(command, env=env, capture_output=True, text=True, cwd=ROOT)
    shutil.rmtree(run)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def failed(told: dict[str, Any], question: str) -> dict[str, str]:
    """What each check that failed has found."""
    return {name: verdict["got"] for name, verdict in told["verdicts"][question].items() if not verdict["passed"]}


def test_a_right_job_keeps_all_marks_although_everything_was_killed_once(told: dict) -> None:
    assert failed(told, "q1") == {}


def test_a_batch_that_is_repeated_and_appended_is_there_twice_and_the_first_such_purchase_is_named(
    told: dict,
) -> None:
    (found,) = failed(told, "q2").items()

    assert found[0] == "no purchase is there twice"
    assert found[1].startswith("written: this purchase is there twice: offset ")
    assert "HDFS refused the next commit to the checkpoint" in found[1]


def test_a_watermark_that_is_too_short_drops_late_purchases_and_the_first_of_them_is_named(told: dict) -> None:
    (found,) = failed(told, "q3").items()

    assert found[0] == "each minute counts its purchases"
    assert found[1].startswith("windowed: this late purchase is not counted: offset ")


def test_the_notebook_is_suspended_meanwhile_and_the_trial_takes_none_of_its_time(told: dict) -> None:
    pauses = [after - before for before, after in pairwise(told["ticks"])]

    assert max(pauses) > 15
    assert told["budget"] < 15


def test_failures_of_the_grader_are_no_fault_of_the_machine_and_nothing_is_left(told: dict) -> None:
    assert told["is_clean"]
    assert len(told["restarts"]) == 1, told["restarts"]
    assert "Spark restarted" in told["restarts"][0]
    assert "a streaming query" in told["restarts"][0]
