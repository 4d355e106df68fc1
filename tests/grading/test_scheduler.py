"""A worker that can't begin is told in a sentence, with the command that helps."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from eventlab.cli.app import main
from eventlab.grading import scheduler as module
from eventlab.grading.environment import sandbox
from eventlab.grading.environment.services import reason
from eventlab.grading.jobs import Job, Limits
from eventlab.grading.scheduler import Scheduler, StartError
from tests.grading import tiny_lab

OBITUARY = """kafka died while starting. The end of its log, /tmp/egx/data/logs/kafka.log:
OpenJDK 64-Bit Server VM warning: something
Error occurred during initialization of VM
Could not reserve enough space for 1048576KB object heap
All of it: eventlab logs kafka"""


def scheduler_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str) -> Scheduler:
    """A scheduler of one worker, which is this program."""
    (tmp_path / "out").mkdir()
    scheduler = Scheduler(tiny_lab.make(tmp_path / "tiny"), tmp_path / "out", Limits(), 1, lambda record: None)
    monkeypatch.setattr(scheduler, "_command", lambda number, run: [sys.executable, "-c", program])
    return scheduler


ONE = [Job("ada", None, None, "", "", 1)]


def test_a_services_reason_is_one_line_of_what_happened_and_why() -> None:
    assert reason(OBITUARY) == "kafka died while starting (Error occurred during initialization of VM)"
    assert reason("No fitting Java 17 to 25: there is none") == "No fitting Java 17 to 25: there is none"


def test_a_stack_that_does_not_start_is_a_sentence_and_the_next_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    says = f"print({json.dumps(json.dumps({'failed': reason(OBITUARY)}))}); raise SystemExit(1)"
    with pytest.raises(StartError) as caught:
        scheduler_of(tmp_path, monkeypatch, says).run(ONE)
    assert str(caught.value).startswith(
        "A worker could not start its services: kafka died while starting "
        "(Error occurred during initialization of VM). Look for what this machine lacks: eventlab doctor"
    )


def test_a_worker_that_ends_without_a_word_has_its_last_line_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(StartError) as caught:
        scheduler_of(tmp_path, monkeypatch, "raise ImportError('no module named zmq')").run(ONE)
    assert "ImportError: no module named zmq. Look for" in str(caught.value)
    assert "Traceback" not in str(caught.value)


def test_without_java_the_command_says_how_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from eventlab.stack import java

    (tmp_path / "in").mkdir()
    tiny_lab.write(tmp_path / "in" / "ada.ipynb")
    sandbox.support.cache_clear()
    monkeypatch.setattr(java, "candidates", lambda: iter(()))
    try:
        done = CliRunner().invoke(
            main, ["grade", "lab01", str(tmp_path / "in"), "--output", str(tmp_path / "out")]
        )
    finally:
        sandbox.support.cache_clear()
    assert done.exit_code == 1
    assert done.output.splitlines()[-1] == "Next: eventlab setup"
    assert "Traceback" not in done.output


def test_each_grading_has_users_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    slots = set()
    for pid in (1000, 1001):
        monkeypatch.setattr(os, "getpid", lambda pid=pid: pid)
        slots |= {module.slot(number) for number in range(4)}
    assert len(slots) == 8
    assert max(sandbox.uids(max(slots), True)) < 65_000
