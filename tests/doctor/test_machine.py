"""Checks of the machine: state folder, memory, disk and ports."""

import os
import socket
from pathlib import Path

import pytest

from eventlab import doctor
from eventlab.doctor import machine
from eventlab.settings import Settings
from tests.stacks import free_settings


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
