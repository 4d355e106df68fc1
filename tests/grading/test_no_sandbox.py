"""Where no sandbox is available, grading is refused unless the instructor agrees, and every report says so."""

from __future__ import annotations

import csv
import io
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from eventlab.cli.app import main
from eventlab.doctor import namespaces
from eventlab.grading import grade as module
from eventlab.grading.environment import sandbox
from eventlab.grading.environment.sandbox import SandboxSupport
from eventlab.grading.reports import write_all
from eventlab.grading.results import SubmissionRecord
from eventlab.labs.release import ReleaseError
from eventlab.stack import jars
from tests.grading import tiny_lab


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without bubblewrap, or with one that may not create user namespaces."""
    monkeypatch.setattr(sandbox, "support", lambda: SandboxSupport(False, False, "bwrap: No permissions"))
    monkeypatch.setattr(jars, "missing", list)
    monkeypatch.setattr(namespaces, "restriction", lambda: None)


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    lab, submissions = tiny_lab.make(tmp_path / "tiny"), tmp_path / "in"
    submissions.mkdir()
    tiny_lab.write(submissions / "ada.ipynb")
    return ["grade", str(lab.folder), str(submissions), "--output", str(tmp_path / "out")]


def test_without_a_sandbox_grading_is_refused_with_the_reason_and_the_package(
    bare: None, command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.shutil, "which", lambda name: None)
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 1
    for expected in ("bwrap: No permissions", "package bubblewrap", "--no-sandbox", "sudo apt install bubblewrap"):
        assert expected in " ".join(done.output.split())
    assert not (tmp_path / "out").exists()


@pytest.mark.programs
def test_a_bubblewrap_that_does_not_answer_is_no_sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bwrap").write_text("#!/bin/sh\nexec sleep 60\n")
    (tmp_path / "bwrap").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(sandbox, "TRIAL_TIMEOUT_S", 0.3)

    found = sandbox.support.__wrapped__()

    assert (found.bubblewrap, found.reason) == (False, "bubblewrap did not answer within 0.3 s")


def test_without_jars_nothing_is_graded_and_the_command_that_downloads_them_is_named(
    bare: None, command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jars, "missing", lambda: ["a.jar"])
    done = CliRunner().invoke(main, [*command, "--no-sandbox"])
    assert (done.exit_code, "1 of the jars are missing: a.jar" in done.output) == (1, True)
    assert "eventlab setup" in done.output
    assert not (tmp_path / "out").exists()


def test_a_marker_without_its_partner_ends_the_command_before_anything_is_graded(tmp_path: Path) -> None:
    lab = tiny_lab.make(tmp_path / "tiny")
    lab.instructor.write_text(lab.instructor.read_text().replace("### END SOLUTION", ""))
    with pytest.raises(ReleaseError, match="has no END"):
        module.grade(lab, tmp_path / "nothing", tmp_path / "out")


def test_the_instructor_may_agree(bare: None, command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    received = []

    def grade(*args: object, **options: object) -> list[object]:
        received.append(args)
        return []

    monkeypatch.setattr(module, "grade", grade)
    assert CliRunner().invoke(main, [*command, "--no-sandbox"]).exit_code == 0
    assert len(received) == 1


@pytest.mark.parametrize("restriction", namespaces.RESTRICTIONS, ids=lambda restriction: restriction.setting)
def test_a_kernel_setting_that_forbids_user_namespaces_is_recognized(
    restriction: namespaces.Restriction, tmp_path: Path
) -> None:
    setting = tmp_path / restriction.setting
    setting.parent.mkdir(parents=True)
    setting.write_text(f"{restriction.value}\n")
    assert namespaces.restriction(tmp_path) == restriction
    assert namespaces.remedy(True, restriction) == restriction.command
    setting.write_text("1000\n")
    assert namespaces.restriction(tmp_path) is None


def test_on_ubuntu_with_restricted_user_namespaces_the_refusal_says_what_to_do(
    bare: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(namespaces, "restriction", lambda: namespaces.RESTRICTIONS[0])
    monkeypatch.setattr(module.shutil, "which", lambda name: "/usr/bin/bwrap")
    with pytest.raises(module.SandboxError) as caught:
        module.require_sandbox(no_sandbox=False)
    assert "AppArmor forbids user namespaces, as on Ubuntu 23.10 and later" in caught.value.message
    assert caught.value.next_command == "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"


def test_every_report_says_that_there_was_no_sandbox(tmp_path: Path) -> None:
    ben = SubmissionRecord("ben", "tiny", "graded", 8, 8)
    records = [replace(ben, student="ada", sandboxed=False), ben]
    write_all.write_all(records, tmp_path)
    assert "Graded without a sandbox" in (tmp_path / "report.html").read_text()
    assert "Graded without a sandbox" in (tmp_path / "feedback" / "ada.html").read_text()
    assert "without a sandbox" not in (tmp_path / "feedback" / "ben.html").read_text()
    rows = csv.DictReader(io.StringIO((tmp_path / "grades.csv").read_text()))
    assert [row["sandbox"] for row in rows] == ["no", "yes"]
    results = json.loads((tmp_path / "gradescope" / "ada" / "results.json").read_text())
    assert results["extra_data"]["sandboxed"] is False
