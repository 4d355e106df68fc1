"""Checks of the machine: state folder, memory, disk and ports."""

import os
import socket
from pathlib import Path

import pytest

from eventlab.doctor import machine
from eventlab.settings import Settings
from tests.stacks import free_settings


def test_a_state_folder_that_does_not_exist_is_ok_and_not_created(unused: Settings):
    assert machine.state_folder(unused).ok
    assert not unused.state_dir.exists()


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
def test_a_state_folder_without_write_permission_is_refused(unused: Settings):
    unused.state_dir.mkdir(mode=0o500)

    check = machine.state_folder(unused)

    assert not check.ok
    assert "cannot be written to" in check.detail


def test_too_little_memory_is_refused(unused: Settings, monkeypatch: pytest.MonkeyPatch):
    assert machine.memory(unused).ok

    monkeypatch.setattr(machine, "MEMORY_NEEDED", 2**60)

    assert not machine.memory(unused).ok


def test_the_memory_of_the_services_with_a_lesson_and_of_each_further_lesson_is_named(unused: Settings):
    detail = machine.memory(unused).detail

    assert "2.0 GiB needed for the services and a lesson, 0.2 GiB for each further lesson" in detail


def test_too_little_disk_is_refused(unused: Settings, monkeypatch: pytest.MonkeyPatch):
    assert machine.disk(unused).ok

    monkeypatch.setattr(machine, "DISK_NEEDED", 2**60)

    assert not machine.disk(unused).ok


def test_the_process_that_uses_a_port_is_named_and_the_remedy_is_another_offset(unused: Settings):
    with socket.create_server(("127.0.0.1", unused.api_port)):
        check = machine.free_ports(unused)

    assert not check.ok
    assert f"{unused.api_port} (api) is used by process {os.getpid()}" in check.detail
    remedy, _, offset = check.remedy.partition("=")
    assert remedy == "export EVENTLAB_PORT_OFFSET"
    assert int(offset) != unused.port_offset
    assert machine.free_ports(Settings(state_dir=unused.state_dir, port_offset=int(offset))).ok


def test_ports_of_external_services_are_not_checked(tmp_path: Path):
    external = free_settings(tmp_path, external_bootstrap_servers="broker.example:9092")
    with socket.create_server(("127.0.0.1", external.kafka_port)):
        assert machine.free_ports(external).ok


def test_the_remedy_for_a_full_disk_is_a_command(unused: Settings, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(machine, "DISK_NEEDED", 2**60)
    assert machine.disk(unused).remedy == "eventlab reset"

    monkeypatch.setattr(machine, "DISK_NEEDED", 1)
    monkeypatch.setenv("HOME", str(unused.state_dir.parent))
    assert machine.other_disk_command() == f"export EVENTLAB_STATE_DIR={unused.state_dir.parent}/eventlab-state"
