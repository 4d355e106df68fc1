"""One stack, from one submission to the next: what one leaves, the next does not meet."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
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
def told() -> dict[str, Any]:
    """What `on_one_worker_stack.py` found, in a network of its own."""
    run = Path(tempfile.mkdtemp(prefix="eg"))
    run.chmod(0o755)
    env = worker_environment(run, contained=True) | {"PYTHONPATH": str(ROOT)}
    command = sandbox.of_worker([sys.executable, "-m", "tests.grading.on_one_worker_stack", str(run)])
    done = subprocess.run(command, env=env, capture_output=True, text=True, cwd=ROOT)
    shutil.rmtree(run)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_sessions_and_what_runs_in_them_are_ended_and_a_group_with_a_member_is_deleted(told: dict) -> None:
    left = told["sessions"]
    assert left["before"]["sessions"] >= 3, "or nothing was left: Spark's own, the kernel's, another"
    assert not left["before"]["is_clean"]
    assert (left["running"], left["is_clean"], left["restarts"]) == (0, True, [])


def test_code_in_the_jvm_and_a_streaming_query_do_not_outlive_their_submission(told: dict) -> None:
    left = told["planted"]
    assert left["shown"][1] == "here", "or nothing was planted"
    assert len(left["restarts"]) == 1
    assert "Spark restarted: java_method, a streaming query" in left["restarts"][0]
    assert left["is_clean"]
    assert told["looked"]["shown"] == ["null"]


def test_the_brokers_settings_cannot_be_changed(told: dict) -> None:
    left = told["settings"]
    assert "ClusterAuthorizationFailedError" in left["shown"][0]
    assert (left["before"]["settings_changed"], left["restarts"]) == (False, [])


def test_hdfs_refuses_a_quota_and_with_other_permissions_it_is_not_kept(told: dict) -> None:
    left = told["permissions"]
    assert (left["shown"], left["before"]["is_clean"]) == (["403\n200"], False)
    assert len(left["restarts"]) == 1
    assert "permission: '1777' became '700'" in left["restarts"][0]
    assert left["is_clean"]


@pytest.mark.parametrize("lab", [lab for lab in all_labs()[1:] if not lab.jobs], ids=lambda lab: lab.name)
def test_the_instructors_notebook_of_every_lab_has_full_marks(told: dict, lab: Any) -> None:
    assert told["labs"][f"{lab.name} instructor"] == ["graded", lab.points(), lab.points()]


@pytest.mark.parametrize("name", ["lab02", "lab04"])
def test_an_untouched_notebook_has_no_marks(told: dict, name: str) -> None:
    lab = find(name)
    assert told["labs"][f"{lab.name} student"] == ["graded", 0, lab.points()]


def test_an_api_with_mistakes_loses_marks_whatever_its_notebook_says(told: dict) -> None:
    (entry,) = [entry for entry in entries(["lab04"]) if entry.name == "q1_status_400"]
    lab = find("lab04")
    assert told["labs"][f"{lab.name} lying"] == ["graded", sum(entry.expected(lab).values()), lab.points()]


def test_the_warm_up_works_at_each_start_of_spark(told: dict) -> None:
    assert told["warnings"] == []


def test_ordinary_submissions_cost_no_restart(told: dict) -> None:
    assert len(told["restarts"]) == 3, told["restarts"]


def test_hdfs_in_safe_mode_while_judging_is_the_machines_fault(told: dict) -> None:
    assert "the nodes of HDFS were" in told["safe mode"]
    assert "'FSState': 'safeMode'" in told["safe mode"]
