"""Isolation without services: the memory, files and disk space that count against a limit."""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import tempfile
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from eventlab.grading.environment import watches
from eventlab.grading.environment.sandbox import MIB, ProcessLimits
from tests.helpers import wait_until


def test_a_file_without_a_name_counts_as_memory_although_nobody_maps_it(inside: Any) -> None:
    memory: ModuleType = inside("memory")

    def counts_once() -> bool:
        before = memory.by_descriptors([os.getpid()])
        file = os.memfd_create("held")
        os.write(file, b"x" * 5 * MIB)
        copy = os.dup(file)
        after = memory.by_descriptors([os.getpid()])
        os.close(file)
        os.close(copy)
        return after - before == 5 * MIB

    wait_until(counts_once)  # threads of earlier tests may close sockets meanwhile


def test_sockets_and_pipes_count_as_full(inside: Any) -> None:
    memory: ModuleType = inside("memory")

    def are_full() -> bool:
        before = memory.by_descriptors([os.getpid()])
        pair, pipe = socket.socketpair(), os.pipe()
        after = memory.by_descriptors([os.getpid()])
        for one in pair:
            one.close()
        for end in pipe:
            os.close(end)
        return after - before == 2 * memory.SOCKET_BYTES + memory.PIPE_BYTES

    wait_until(are_full)


def test_a_connection_that_nobody_accepts_counts_as_full(inside: Any) -> None:
    """What was sent stays in it, although no process has it open."""
    memory: ModuleType = inside("memory")

    def grows() -> bool:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(f"\0backlog-{os.getpid()}")
            server.listen(3)
            before = memory.by_descriptors([os.getpid()])
            for _ in range(3):
                with socket.socket(socket.AF_UNIX) as client:
                    client.connect(server.getsockname())
            return memory.by_descriptors([os.getpid()]) - before >= 3 * memory.SOCKET_BYTES

    wait_until(grows)


def test_a_socket_for_datagrams_counts_as_a_full_queue_of_them(inside: Any) -> None:
    memory: ModuleType = inside("memory")

    def grows() -> bool:
        before = memory.by_descriptors([os.getpid()])
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM):
            after = memory.by_descriptors([os.getpid()])
        return after - before >= (1 + memory.longest_queue()) * memory.SOCKET_BYTES

    wait_until(grows)


def test_a_queue_of_tcp_that_looks_like_four_gigabytes_is_a_negative_number_and_holds_nothing(inside: Any) -> None:
    memory = inside("memory")

    assert [memory.in_queue(number) for number in ("00000000", "0000C350", "FFFFFF38")] == [0, 50_000, 0]


def test_what_waits_in_tcp_sockets_counts(inside: Any) -> None:
    memory: ModuleType = inside("memory")
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as sender,
    ):
        receiver, _ = server.accept()
        before = min(memory.in_tcp() for _ in range(20))  # other programs of this machine read and send, too
        sender.sendall(b"x" * 50_000)
        assert any(memory.in_tcp() - before >= 50_000 for _ in range(20))
        assert memory.at_most_in_tcp() >= memory.in_tcp()
        receiver.close()


def test_each_tcp_socket_is_looked_at_only_when_all_of_them_together_could_be_too_much(
    inside: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory: ModuleType = inside("memory")
    own = [os.getpid()]
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as sender,
        server.accept()[0],
    ):
        held, sender_is_full = 0, False
        sender.setblocking(False)
        while not sender_is_full:
            try:
                held += sender.send(b"x" * MIB)
            except BlockingIOError:
                sender_is_full = True
        assert held > 2 * MIB
        assert memory.at_most_in_tcp() >= held
        used = memory.proportional(own) + memory.by_descriptors(own)
        assert memory.holds_more(own, used + held // 2)
        monkeypatch.setattr(memory, "in_tcp", lambda: pytest.fail("each socket was looked at"))
        assert not memory.holds_more(own, memory.resident(own) + 1024 * MIB)


def test_locks_of_files_count_for_the_process_that_has_them(inside: Any, tmp_path: Path) -> None:
    memory: ModuleType = inside("memory")
    with (tmp_path / "file").open("w") as file:
        for place in range(100):
            fcntl.lockf(file, fcntl.LOCK_EX, 1, 2 * place)
        assert memory.by_locks([os.getpid()], MIB) >= 100 * memory.LOCK_BYTES
        assert memory.by_locks([1], MIB) < 100 * memory.LOCK_BYTES


def test_areas_of_memory_count_when_many_processes_have_them(inside: Any) -> None:
    memory: ModuleType = inside("memory")
    with open("/proc/self/maps") as file:
        areas = len(file.readlines())
    assert memory.by_areas([os.getpid()] * 2) == 0
    assert memory.by_areas([os.getpid()] * 100) >= 0.9 * 100 * areas * memory.AREA_BYTES


def test_memory_that_a_process_has_moved_to_the_swap_space_counts(
    inside: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory: ModuleType = inside("memory")
    facts = "VmRSS: 1 kB\nVmPTE: 2 kB\nVmSwap: 4 kB\nRss: 64 kB\nPss: 8 kB\nSwap: 64 kB\nSwapPss: 16 kB\n"
    monkeypatch.setattr(memory, "text_of", lambda path: facts)
    assert (memory.resident([1]), memory.proportional([1])) == (7 * 1024, 26 * 1024)


def test_memory_in_files_and_sockets_is_held_against_the_limit(inside: Any) -> None:
    memory: ModuleType = inside("memory")
    used = memory.proportional([os.getpid()]) + memory.by_descriptors([os.getpid()])
    file = os.memfd_create("held")
    os.write(file, b"x" * 64 * MIB)
    assert not memory.holds_more([os.getpid()], used + 96 * MIB)
    assert memory.holds_more([os.getpid()], used + 32 * MIB)
    os.close(file)


def test_the_disk_watch_tells_once_when_too_much_is_stored(tmp_path: Path) -> None:
    exceeded = threading.Event()
    watch = watches.DiskWatch([tmp_path], ProcessLimits(disk_mib=1), lambda reason: exceeded.set())
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "large").write_bytes(b"x" * 2 * MIB)
    assert exceeded.wait(60)
    watch.stop()


NOT_MEASURED = "folders that are locked or too deep to be measured were stored in Kafka, HDFS or Spark"


@pytest.mark.parametrize("depth", [30, None])
def test_what_is_too_deep_to_be_measured_is_too_much(tmp_path: Path, depth: int | None) -> None:
    """No path that the system opens leads to it, but a program can create the folders one by one."""
    reasons: list[str] = []
    watch = watches.DiskWatch([tmp_path], ProcessLimits(), reasons.append)
    descriptor = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    for _ in range(depth or (4095 - len(str(tmp_path))) // 201):
        os.mkdir("d" * 200, dir_fd=descriptor)
        inner = os.open("d" * 200, os.O_RDONLY | os.O_DIRECTORY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = inner
    os.close(os.open("f" * 250, os.O_CREAT, dir_fd=descriptor))
    os.close(descriptor)
    watch._thread.join(timeout=60)
    watch.stop()
    subprocess.run(["rm", "-rf", str(tmp_path)], check=True)
    assert reasons == [NOT_MEASURED]


@pytest.mark.programs
def test_what_is_in_a_locked_folder_is_too_much() -> None:
    """Such a folder can only be opened after a change of its permissions, and by root."""
    with tempfile.TemporaryDirectory() as base:
        Path(base).chmod(0o777)
        child = os.fork()
        if child == 0:
            ended = 1
            try:
                if os.geteuid() == 0:
                    os.setuid(65_534)
                Path(base, "locked").mkdir(mode=0)
                ended = 0 if watches.usage([Path(base)])[1] > watches.UNKNOWN_FILES else 1
                Path(base, "locked").rmdir()
            finally:
                os._exit(ended)
        assert os.waitpid(child, 0)[1] == 0


def test_many_files_are_too_much_as_well_and_sparse_ones_count_what_they_take(tmp_path: Path) -> None:
    reasons: list[str] = []
    watch = watches.DiskWatch([tmp_path], ProcessLimits(files=50), reasons.append)
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(10 * 2**30)
    assert watches.usage([tmp_path])[0] < MIB
    for number in range(60):
        (tmp_path / str(number)).touch()
    watch._thread.join(timeout=60)
    watch.stop()
    assert reasons == ["more than 50 files were stored in Kafka, HDFS or Spark"]
