"""The checks of `eventlab doctor` find what is wrong, say why, and name the command that fixes it."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from eventlab import doctor
from eventlab.cli.app import main
from eventlab.cli.display import show_checks
from eventlab.doctor import host, installation, machine
from eventlab.settings import ROOT, Settings
from eventlab.stack import archives, jars, java
from tests.stacks import free_offset, free_settings


@pytest.fixture
def own(tmp_path: Path) -> Settings:
    """Return settings of a stack that does not run."""
    return free_settings(tmp_path / "state")


@pytest.fixture
def bare_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder as PATH and no JAVA_HOME: a machine without Java."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr(java, "CACHE", tmp_path / "fetched")
    return folder


@pytest.fixture
def kit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the kit's own files, to spoil."""
    shutil.copytree(ROOT / "stack", tmp_path / "kit" / "stack")
    for name in ("pyproject.toml", "uv.lock"):
        shutil.copy(ROOT / name, tmp_path / "kit" / name)
    monkeypatch.setattr(installation, "ROOT", tmp_path / "kit")
    return tmp_path / "kit"


def spoil(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.services
def test_everything_is_ok_after_setup_and_reported_within_seconds(tmp_path: Path):
    environment = os.environ | {"EVENTLAB_PORT_OFFSET": str(free_offset()), "EVENTLAB_STATE_DIR": str(tmp_path)}
    command = [str(Path(sys.executable).with_name("eventlab")), "doctor", "--json"]
    subprocess.run(command, env=environment, capture_output=True)  # the jars' bytes into the page cache
    started = time.monotonic()
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    took = time.monotonic() - started

    found = json.loads(done.stdout)
    assert [check for check in found if not check["ok"]] == []
    assert done.returncode == 0
    assert took < 4  # 1.3 s on an idle machine


@pytest.mark.services
def test_a_fail_makes_the_exit_code_non_zero(tmp_path: Path):
    (tmp_path / "file").touch()
    environment = os.environ | {"EVENTLAB_STATE_DIR": str(tmp_path / "file" / "state")}
    command = [str(Path(sys.executable).with_name("eventlab")), "doctor"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)

    assert done.returncode == 1
    assert "FAIL" in done.stdout
    assert "Traceback" not in done.stderr


def test_this_python_is_fit():
    check = installation.python()

    assert check.ok
    assert check.detail.startswith(".".join(map(str, sys.version_info[:3])))


def test_an_old_python_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(installation, "OLDEST_PYTHON", (3, 99))

    check = installation.python()

    assert not check.ok
    assert "older than 3.99" in check.detail


def test_the_installed_packages_are_the_locked_ones():
    assert installation.packages().ok, installation.packages().detail


def test_a_package_of_another_version_than_the_locked_one_is_named(kit: Path):
    spoil(kit / "uv.lock", 'name = "gevent"\nversion = "', 'name = "gevent"\nversion = "0.')

    check = installation.packages()

    assert not check.ok
    assert "gevent is " in check.detail
    assert check.remedy == "make setup"


def test_a_lock_that_is_older_than_the_project_file_is_found(kit: Path):
    spoil(kit / "pyproject.toml", '"flask>=3.1,<4"', '"flask>=3.0,<4"')

    check = installation.packages()

    assert (check.ok, check.remedy) == (False, f"{'uv' if shutil.which('uv') else kit / '.uv/bin/uv'} lock")


def test_a_machine_without_java_gets_the_command_that_installs_one(bare_path: Path):
    check = installation.java_runtime()

    assert not check.ok
    assert "there is none" in check.detail
    assert check.remedy == "eventlab setup"


def test_an_unfit_java_is_listed_with_its_reason(bare_path: Path):
    (bare_path / "java").write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\"' >&2\n")
    (bare_path / "java").chmod(0o755)

    check = installation.java_runtime()

    assert not check.ok
    assert "PATH" in check.detail
    assert "is Java 11, not 17 to" in check.detail


def test_missing_jars_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(jars, "REPOSITORY", tmp_path)

    check = installation.checksums()

    assert not check.ok
    assert "more" in check.detail
    assert check.remedy == "eventlab setup"


@pytest.mark.services
def test_missing_archives_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(archives, "FOLDER", tmp_path)

    check = installation.startup_archives()

    assert not check.ok
    assert "kafka" in check.detail


@pytest.mark.parametrize(
    ("check", "file", "old", "new"),
    [
        (installation.connector, "spark/jgo.lock.toml", 'version = "4.2.0"', 'version = "4.1.0"'),
        (installation.hadoop, "hdfs/jgo.lock.toml", 'version = "3.5.0"', 'version = "3.4.1"'),
        (
            installation.kafka_tools,
            "kafka/jgo.lock.toml",
            'artifactId = "kafka-tools"\nversion = "',
            'artifactId = "kafka-tools"\nversion = "1',
        ),
    ],
)
def test_versions_that_must_be_equal_and_are_not_are_named(kit: Path, check, file: str, old: str, new: str):
    assert check().ok

    spoil(kit / "stack" / file, old, new)

    assert not check().ok
    assert "must be equal" in check().detail


def test_a_jgo_toml_without_its_lock_is_found(kit: Path):
    assert installation.locks().ok

    spoil(kit / "stack" / "spark" / "jgo.toml", "4.2.0!", "4.1.0!")

    assert not installation.locks().ok
    assert "stack/spark" in installation.locks().detail
    assert installation.locks().remedy == "eventlab setup --relock"


def test_a_state_folder_that_is_not_there_yet_is_fine_and_not_made(own: Settings):
    assert machine.state_folder(own).ok
    assert not own.state_dir.exists()


def test_a_state_folder_inside_a_file_is_refused(tmp_path: Path):
    (tmp_path / "file").touch()

    check = machine.state_folder(Settings(state_dir=tmp_path / "file" / "state"))

    assert not check.ok
    assert "is not a folder" in check.detail


def test_a_state_folder_that_hdfs_cannot_handle_is_refused(tmp_path: Path):
    check = machine.state_folder(Settings(state_dir=tmp_path / "teacher's"))

    assert not check.ok
    assert "do not support the character '" in check.detail


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_state_folder_without_write_permission_is_refused(own: Settings):
    own.state_dir.mkdir(mode=0o500)

    check = machine.state_folder(own)

    assert not check.ok
    assert "cannot be written to" in check.detail


def test_too_little_memory_is_refused(own: Settings, monkeypatch: pytest.MonkeyPatch):
    assert machine.memory(own).ok

    monkeypatch.setattr(machine, "MEMORY_NEEDED", 2**60)

    assert not machine.memory(own).ok


def test_too_little_disk_is_refused(own: Settings, monkeypatch: pytest.MonkeyPatch):
    assert machine.disk(own).ok

    monkeypatch.setattr(machine, "DISK_NEEDED", 2**60)

    assert not machine.disk(own).ok


def test_the_process_that_holds_a_port_is_named_and_the_remedy_moves_the_stack(own: Settings):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", own.api_port))
        taken.listen()
        check = machine.free_ports(own)

    assert not check.ok
    assert f"{own.api_port} (api) is used by process {os.getpid()}" in check.detail
    remedy, _, offset = check.remedy.partition("=")
    assert remedy == "export EVENTLAB_PORT_OFFSET"
    assert int(offset) != own.port_offset
    assert machine.free_ports(Settings(state_dir=own.state_dir, port_offset=int(offset))).ok


def test_ports_of_external_services_are_not_checked(tmp_path: Path):
    elsewhere = free_settings(tmp_path, kafka_bootstrap_servers="broker.example:9092")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", elsewhere.kafka_port))
        taken.listen()

        assert machine.free_ports(elsewhere).ok


def test_every_word_of_a_remedy_is_one_to_type(own: Settings, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(machine, "DISK_NEEDED", 2**60)
    assert machine.disk(own).remedy == "eventlab reset"

    monkeypatch.setattr(machine, "DISK_NEEDED", 1)
    monkeypatch.setenv("HOME", str(own.state_dir.parent))
    assert doctor.roomy() == f"export EVENTLAB_STATE_DIR={own.state_dir.parent}/eventlab-state"


def test_a_check_that_breaks_is_a_check_that_fails(own: Settings, kit: Path):
    (kit / "stack" / "kafka" / "jgo.lock.toml").unlink()

    broken = {check.name: check for check in doctor.checks(own)}["kafka and tools"]

    assert not broken.ok
    assert "could not be checked: FileNotFoundError" in broken.detail


def test_a_check_that_passes_has_nothing_to_fix(own: Settings):
    assert all(bool(check.remedy) != check.ok for check in doctor.checks(own))


def test_a_path_with_brackets_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]):
    show_checks([doctor.HealthCheck("disk", False, "no room in /a[bold]", "eventlab reset")])

    assert "/a[bold]" in capsys.readouterr().out


@pytest.fixture
def on_macos(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "platform_name", lambda: "macOS")


def test_grading_on_macos_is_a_note_with_the_alternatives(on_macos):
    check = host.grading()

    assert (check.ok, check.note) == (True, True)
    assert check.detail == "not possible on macOS: use Linux, WSL 2 on Windows, or a Linux container"


def test_grading_on_linux_without_bubblewrap_names_the_package(bare_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(host, "platform_name", lambda: "Linux")

    check = host.grading()

    assert (check.ok, check.note) == (True, True)
    assert "package bubblewrap" in check.detail


def test_a_bubblewrap_that_may_not_make_a_sandbox_is_a_note_with_its_message(
    bare_path: Path, monkeypatch: pytest.MonkeyPatch
):
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


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may start a process of another user")
def test_another_user_with_a_process_here_is_named(monkeypatch: pytest.MonkeyPatch):
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


def test_a_note_is_shown_as_a_note(capsys: pytest.CaptureFixture[str]):
    show_checks([doctor.HealthCheck("grading", True, "not possible", note=True)])

    assert capsys.readouterr().out.split() == ["NOTE", "grading", "not", "possible"]


def test_a_command_that_needs_linux_refuses_at_once_on_macos(on_macos, tmp_path: Path):
    for command in (["grade", "lab01", str(tmp_path)], ["labs", "verify", "lab01"]):
        done = CliRunner().invoke(main, command)

        assert done.exit_code == 1
        assert "grading works on Linux only" in done.output
        assert "WSL 2" in done.output
