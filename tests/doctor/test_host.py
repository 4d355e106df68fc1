"""Checks of the operating system: grading and other users."""

import os
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from eventlab.cli.app import main
from eventlab.doctor import host


def test_grading_on_macos_is_a_note_with_the_alternatives(macos):
    check = host.grading()

    assert (check.ok, check.note) == (True, True)
    assert check.detail == "not possible on macOS: use Linux, WSL 2 on Windows, or a Linux container"


def test_grading_on_linux_without_bubblewrap_names_the_package(bare_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(host, "platform_name", lambda: "Linux")

    check = host.grading()

    assert (check.ok, check.note) == (True, True)
    assert "package bubblewrap" in check.detail


@pytest.mark.programs
def test_a_bubblewrap_that_fails_is_a_note_with_its_message(bare_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(host, "platform_name", lambda: "Linux")
    (bare_path / "bwrap").write_text("#!/bin/sh\necho 'setting up uid map: Permission denied' >&2\nexit 1\n")
    (bare_path / "bwrap").chmod(0o755)

    check = host.grading()

    assert (check.ok, check.note) == (True, True)
    assert "bubblewrap does not work here (setting up uid map: Permission denied)" in check.detail


def test_what_other_users_can_reach_is_shown_with_the_advice():
    check = host.other_users()

    assert check.ok
    assert "every local user can reach Kafka, HDFS" in check.detail
    assert "Spark Connect and JupyterLab ask for a token" in check.detail
    assert "a container or a network namespace" in check.detail


@pytest.mark.programs
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may start a process of another user")
def test_another_user_with_a_process_is_named(monkeypatch: pytest.MonkeyPatch):
    account = SimpleNamespace(pw_uid=60_123, pw_name="ada")
    monkeypatch.setattr(host.pwd, "getpwall", lambda: [account])
    other = subprocess.Popen(["sleep", "60"], user=account.pw_uid)
    try:
        check = host.other_users()
    finally:
        other.kill()
        other.wait()

    assert check.note
    assert "other users active now: ada" in check.detail


def test_a_command_that_needs_linux_is_refused_on_macos(macos, tmp_path: Path):
    executed = tmp_path / "executed.ipynb"
    executed.touch()
    for command in (
        ["grade", "lab01", str(tmp_path)],
        ["judge", "lab01", str(executed)],
        ["labs", "verify", "lab01"],
    ):
        done = CliRunner().invoke(main, command)

        assert done.exit_code == 1
        assert "grading works on Linux only" in done.output
        assert "WSL 2" in done.output
