"""`eventlab setup` shows each stage."""

import io
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from rich.console import Console

from eventlab.cli.display import ProgressLines
from eventlab.stack import installation
from tests.helpers import wait_until


@pytest.fixture(autouse=True)
def own_folder(monkeypatch, tmp_path):
    """Use another folder of archives than an `eventlab setup` that runs at the same time."""
    monkeypatch.setattr(installation.archives, "FOLDER", tmp_path / ".jars" / "archives")


@pytest.fixture
def lines():
    """Return lines of progress that are printed to a string."""
    return ProgressLines(Console(file=io.StringIO(), width=200))


def shown(lines):
    """Return the printed lines without their times."""
    return [line.split(" s  ", 1)[1] for line in lines.screen.file.getvalue().splitlines()]


def test_a_long_stage_without_a_terminal_prints_what_still_runs(lines):
    with lines.report_long_steps(0.02):
        lines.update("archives", "recording. Done once")
        lines.report_service("spark", "stopping")
        lines.report_service("kafka", "stopped")
        wait_until(lambda: "still at work: archives recording, spark stopping" in shown(lines))
        lines.report_service("spark", "stopped")
        wait_until(lambda: shown(lines)[-1] == "still at work: archives recording")
        lines.update("archives", "recorded", done=1)
        count = len(shown(lines))
        time.sleep(0.1)

    assert len(shown(lines)) == count


def test_the_line_about_a_step_that_still_runs_is_never_below_the_line_about_its_end(lines, monkeypatch):
    printing, show = threading.Event(), lines._print

    def print_on_a_busy_machine(text):
        if "still at work" in text:
            printing.set()
            time.sleep(0.2)
        show(text)

    monkeypatch.setattr(lines, "_print", print_on_a_busy_machine)
    with lines.report_long_steps(0.02):
        lines.update("archives", "recording")
        assert printing.wait(60)
        lines.update("archives", "recorded", done=1)
        wait_until(lambda: "still at work: archives recording" in shown(lines))

    assert shown(lines)[-1] == "archives recorded"


@pytest.mark.services
def test_a_second_setup_reports_that_all_is_installed():
    done = subprocess.run([Path(sys.executable).with_name("eventlab"), "setup"], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    stages = [line.split(" s  ", 1)[1] for line in done.stderr.splitlines()]
    assert stages[0].startswith("java Java ")
    assert stages[-1] == "archives complete"
    assert any(stage.startswith("jars ") and stage.endswith(" match the lock") for stage in stages)


def test_a_setup_that_starts_during_another_one_waits_and_finds_its_archives(lines, monkeypatch):
    recorded: list[str] = []

    def record(report):
        second.start()
        wait_until(lambda: any(line.startswith("archives waiting until another") for line in shown(lines)))
        recorded.append("kafka")

    for stage in ("install_java", "install_jars"):
        monkeypatch.setattr(installation, stage, lambda report: None)
    monkeypatch.setattr(installation, "missing_archives", lambda: [] if recorded else ["kafka"])
    monkeypatch.setattr(installation, "record_archives", record)
    second = threading.Thread(target=installation.install, args=(lines.update, lines.report_service))

    installation.install(lambda *_: None, lines.report_service)
    second.join()

    assert recorded == ["kafka"]
    assert shown(lines)[-1] == "archives complete"


def test_downloaded_jars_are_counted_with_their_bytes(lines, monkeypatch):
    def sync(advance, count_jars):
        count_jars(56, 58)
        advance(3 * 2**20)
        count_jars(58, 58)

    monkeypatch.setattr(installation.jars, "sync", sync)

    installation.install_jars(lines.update)

    assert shown(lines) == ["jars checking", "jars 58 of 58 match the lock, 3.0 MiB downloaded"]


def test_relock_locks_the_jars_of_all_environments_first(lines, monkeypatch):
    locked: list[str] = []
    monkeypatch.setattr(installation.jars, "lock", locked.append)
    for stage in ("install_java", "install_jars"):
        monkeypatch.setattr(installation, stage, lambda report: None)
    monkeypatch.setattr(installation, "missing_archives", lambda: [])

    installation.install(lines.update, lines.report_service, relock=True)

    assert locked == list(installation.jars.ENVIRONMENTS)
    assert shown(lines)[-1] == "archives complete"


def test_the_recording_of_archives_is_announced_before_services_start(lines, monkeypatch):
    def record(report):
        for phase in ("preparing", "starting", "ready", "stopping", "stopped"):
            report("kafka", phase)

    monkeypatch.setattr(installation, "install_java", lambda report: None)
    monkeypatch.setattr(installation, "install_jars", lambda report: None)
    monkeypatch.setattr(installation, "missing_archives", lambda: ["kafka"])
    monkeypatch.setattr(installation, "record_archives", record)

    installation.install(lines.update, lines.report_service)

    assert shown(lines) == [
        "archives checking",
        f"archives {installation.RECORDING}",
        "kafka preparing",
        "kafka starting",
        "kafka ready",
        "kafka stopping",
        "kafka stopped",
        "archives recorded: the services start faster now",
    ]
    assert "Done once per Java version" in installation.RECORDING
