"""One stack, from one submission to the next: what one leaves, the next does not meet.

Then a trial on it: a right job keeps its marks through all failures, wrong ones lose theirs.
"""

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
from eventlab.labs.catalogue import all_labs, find
from eventlab.settings import ROOT
from tests.grading.corpus import entries
from tests.skips import requires_tool

pytestmark = [
    pytest.mark.services,
    pytest.mark.timeout(600),
    requires_tool("bwrap", sandbox.support().reason),
]


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    """Run `on_one_worker_stack.py` as a worker is run, and return the JSON in the last line that it prints."""
    run = Path(tempfile.mkdtemp(prefix="eg"))
    run.chmod(0o755)
    env = worker_environment(run, contained=True) | {"PYTHONPATH": str(ROOT)}
    command = sandbox.of_worker([sys.executable, "-m", "tests.grading.on_one_worker_stack", str(run)])
    done = subprocess.run(command, env=env, capture_output=True, text=True, cwd=ROOT)
    shutil.rmtree(run)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_sessions_and_what_runs_in_them_are_ended_and_a_group_with_a_member_is_deleted(report: dict) -> None:
    left = report["sessions and settings"]
    assert left["before"]["sessions"] >= 3, "or nothing was left: Spark's own, the kernel's, another"
    assert not left["before"]["is_clean"]
    assert (left["running"], left["is_clean"], left["restarts"]) == (0, True, [])


def test_code_in_the_jvm_and_a_streaming_query_do_not_outlive_their_submission(report: dict) -> None:
    left = report["planted"]
    assert left["shown"][1] == "here", "or nothing was planted"
    assert len(left["restarts"]) == 1
    assert "Spark restarted: java_method, a streaming query" in left["restarts"][0]
    assert left["is_clean"]
    assert report["looked and permissions"]["shown"][0] == "null"


def test_the_brokers_settings_cannot_be_changed(report: dict) -> None:
    left = report["sessions and settings"]
    assert "ClusterAuthorizationFailedError" in left["shown"][1]
    assert (left["before"]["settings_changed"], left["restarts"]) == (False, [])


def test_hdfs_refuses_a_quota_and_with_other_permissions_it_is_not_kept(report: dict) -> None:
    left = report["looked and permissions"]
    assert (left["shown"][1], left["before"]["is_clean"]) == ("403\n200", False)
    assert len(left["restarts"]) == 1
    assert "permission: '1777' became '700'" in left["restarts"][0]
    assert left["is_clean"]


@pytest.mark.parametrize("lab", [lab for lab in all_labs()[1:] if not lab.jobs], ids=lambda lab: lab.name)
def test_the_instructors_notebook_of_every_lab_has_full_marks(report: dict, lab: Any) -> None:
    assert report["labs"][f"{lab.name} instructor"] == ["graded", lab.points(), lab.points()]


@pytest.mark.parametrize("name", ["lab02", "lab04"])
def test_an_untouched_notebook_has_no_marks(report: dict, name: str) -> None:
    lab = find(name)
    assert report["labs"][f"{lab.name} student"] == ["graded", 0, lab.points()]


def test_an_api_with_mistakes_loses_marks_whatever_its_notebook_says(report: dict) -> None:
    (entry,) = [entry for entry in entries(["lab04"]) if entry.name == "q1_status_400"]
    lab = find("lab04")
    assert report["labs"][f"{lab.name} lying"] == ["graded", sum(entry.expected(lab).values()), lab.points()]


def test_the_warm_up_works_at_each_start_of_spark(report: dict) -> None:
    assert report["warnings"] == []


def test_ordinary_submissions_cost_no_restart(report: dict) -> None:
    assert len(report["restarts"]) == 2, report["restarts"]


def test_hdfs_in_safe_mode_while_judging_is_the_machines_fault(report: dict) -> None:
    assert "the nodes of HDFS were" in report["safe mode"]
    assert "'FSState': 'safeMode'" in report["safe mode"]


def test_a_datanode_that_hangs_is_the_machines_fault_before_the_namenode_misses_it(report: dict) -> None:
    assert "does not answer" in report["hanging DataNode"]["error"]
    assert report["hanging DataNode"]["seconds"] < 25


@pytest.fixture
def trial(report: dict) -> dict[str, Any]:
    """What `on_trial.py` found."""
    return report["trial"]


def failed(trial: dict[str, Any], question: str) -> dict[str, str]:
    """What each check that failed has found."""
    return {name: verdict["got"] for name, verdict in trial["verdicts"][question].items() if not verdict["passed"]}


def test_a_right_job_keeps_all_marks_although_everything_was_killed_once(trial: dict) -> None:
    assert failed(trial, "q1") == {}


def test_a_batch_that_is_repeated_and_appended_is_there_twice_and_the_first_such_purchase_is_named(
    trial: dict,
) -> None:
    (found,) = failed(trial, "q2").items()

    assert found[0] == "no purchase is there twice"
    assert found[1].startswith("written: this purchase is there twice: offset ")
    assert "HDFS refused the next commit to the checkpoint" in found[1]


def test_a_watermark_that_is_too_short_drops_late_purchases_and_the_first_of_them_is_named(trial: dict) -> None:
    (found,) = failed(trial, "q3").items()

    assert found[0] == "each minute counts its purchases"
    assert found[1].startswith("windowed: this late purchase is not counted: offset ")


def test_the_notebook_is_suspended_meanwhile_and_the_trial_takes_none_of_its_time(trial: dict) -> None:
    pauses = [after - before for before, after in pairwise(trial["ticks"])]

    assert max(pauses) > 15
    assert trial["budget"] < 15


def test_a_process_that_a_job_starts_in_sparks_sandbox_is_killed_with_the_job(trial: dict) -> None:
    assert trial["left in Spark"] == [1, 0]


def test_failures_of_the_grader_are_no_fault_of_the_machine_and_nothing_is_left(trial: dict) -> None:
    assert trial["is_clean"]
    assert len(trial["restarts"]) == 1, trial["restarts"]
    assert "Spark restarted" in trial["restarts"][0]
    assert "a streaming query" in trial["restarts"][0]
