"""`eventlab doctor` runs all checks and shows their results."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from eventlab import doctor
from eventlab.cli.display import show_checks
from eventlab.settings import Settings
from tests.helpers import Stopwatch
from tests.stacks import free_offset


@pytest.mark.services
def test_after_setup_all_checks_succeed_within_seconds(tmp_path: Path):
    environment = os.environ | {"EVENTLAB_PORT_OFFSET": str(free_offset()), "EVENTLAB_STATE_DIR": str(tmp_path)}
    command = [str(Path(sys.executable).with_name("eventlab")), "doctor", "--json"]
    subprocess.run(command, env=environment, capture_output=True)  # reads the jars into the page cache
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    taken = Stopwatch()
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    seconds = taken.seconds
    processor_s = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before

    checks = json.loads(done.stdout)
    assert [check for check in checks if not check["ok"]] == []
    assert done.returncode == 0
    assert processor_s < 4  # 1.3 s; more only if something is slow, and not because other programs run
    assert seconds < 15


@pytest.mark.services
def test_after_a_failed_check_the_exit_code_is_1(tmp_path: Path):
    (tmp_path / "file").touch()
    environment = os.environ | {"EVENTLAB_STATE_DIR": str(tmp_path / "file" / "state")}
    command = [str(Path(sys.executable).with_name("eventlab")), "doctor"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)

    assert done.returncode == 1
    assert "FAIL" in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.programs
def test_an_exception_in_a_check_is_a_failed_check_and_only_failed_checks_have_a_remedy(
    unused: Settings, kit: Path
):
    (kit / "stack" / "kafka" / "jgo.lock.toml").unlink()

    checks = doctor.checks(unused)
    failed = {check.name: check for check in checks}["kafka and tools"]

    assert not failed.ok
    assert "could not be checked: FileNotFoundError" in failed.detail
    assert all(bool(check.remedy) != check.ok for check in checks)


def test_a_path_with_brackets_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]):
    show_checks([doctor.HealthCheck("disk", False, "no room in /a[bold]", "eventlab reset")])

    assert "/a[bold]" in capsys.readouterr().out


def test_a_note_is_shown_as_a_note(capsys: pytest.CaptureFixture[str]):
    show_checks([doctor.HealthCheck("grading", True, "not possible", note=True)])

    assert capsys.readouterr().out.split() == ["NOTE", "grading", "not", "possible"]
