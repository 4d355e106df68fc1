"""Answers of the fork server belong to the request that they name, and long lines are read in linear time."""

from __future__ import annotations

import base64
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventlab.grading.environment import fork_server as module
from eventlab.grading.environment.fork_server import ForkServer
from eventlab.grading.execution.kernel import FullFolderError, KernelError
from eventlab.grading.inside.lines import LineReader

LATE = """
import base64, json, sys, time
for line in sys.stdin:
    asked = json.loads(line)
    if asked["do"] != "files":
        continue
    if asked["id"] == "ada":
        time.sleep(1)
    text = base64.b64encode(asked["id"].encode()).decode()
    print(json.dumps({"event": "files", "request": asked["request"], "files": {"owner": text}}), flush=True)
"""
"""A fork server whose answer about Ada's kernel comes late."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ForkServer]:
    opened = ForkServer([sys.executable, "-c", LATE], tmp_path, None, tmp_path / "log", dict(os.environ))
    yield opened
    opened.close()


@pytest.mark.programs
def test_files_that_arrive_late_are_not_taken_for_those_of_the_next_kernel(
    server: ForkServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FILES_TIMEOUT_S", 0.3)
    with pytest.raises(KernelError, match="did not send the files of kernel ada"):
        server.files_of("ada")
    monkeypatch.setattr(module, "FILES_TIMEOUT_S", 30)
    assert server.files_of("ben") == {"owner": b"ben"}
    assert server.files_of("cyd") == {"owner": b"cyd"}


@pytest.mark.programs
def test_a_kernel_that_does_not_end_is_a_fault_of_the_machine(
    server: ForkServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next submission does not run beside it: after this error, the worker ends."""
    monkeypatch.setattr(module, "KILL_TIMEOUT_S", 0.3)
    with pytest.raises(KernelError, match=r"the processes of kernel k\d+ do not end"):
        server.start().kill()


@pytest.mark.programs
def test_of_a_kernel_that_has_ended_no_file_is_left(server: ForkServer) -> None:
    """Without namespaces its working folder is on the disk, where the same user's next kernel could read it."""
    kernel = server.start()
    (kernel.folder / "work" / "my_job.py").write_text("the instructor's")
    (kernel.folder / "work" / "locked").mkdir(mode=0)

    kernel.forget()

    assert [*server.folder.glob("k*")] == []


@pytest.mark.programs
def test_who_waits_for_the_end_of_a_kernel_does_not_wait_longer_than_the_fork_server_runs(
    server: ForkServer,
) -> None:
    kernel = server.start()
    threading.Timer(0.3, server._process.kill).start()
    started = time.monotonic()
    kernel.kill()
    assert time.monotonic() - started < module.KILL_TIMEOUT_S / 2


@pytest.mark.programs
def test_an_answer_stays_until_the_thread_that_asked_takes_it(server: ForkServer) -> None:
    with server._changed:
        server._asked.add(7)
    server.request(do="files", id="dan", request=7)
    assert server.files_of("ben") == {"owner": b"ben"}
    assert list(server._files) == [7], "or it is lost while another thread takes its own answer"


@pytest.mark.programs
def test_an_answer_that_nobody_waits_for_is_not_kept(server: ForkServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FILES_TIMEOUT_S", 0.3)
    with pytest.raises(KernelError):
        server.files_of("ada")
    monkeypatch.setattr(module, "FILES_TIMEOUT_S", 30)
    server.files_of("ben")
    assert (server._files, server._asked) == ({}, set())


@pytest.mark.programs
def test_files_that_the_fork_server_has_not_written_are_an_error(server: ForkServer) -> None:
    """Without them, a right notebook fails; the machine may have ended the process that writes them."""
    with pytest.raises(KernelError, match="were not written"):
        server.start().write({"given.txt": b"given"})


@pytest.mark.programs
def test_a_folder_without_room_for_files_is_an_error(server: ForkServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when a notebook has filled it, before the instructor's files are put in place."""
    kernel = server.start()
    request = server.request

    def copy(**message: object) -> None:
        if message["do"] == "write":
            Path(str(message["source"])).rename(f"{message['source']}.full")
        else:
            request(**message)

    monkeypatch.setattr(server, "request", copy)
    for _ in range(2):
        with pytest.raises(FullFolderError, match="no room"):
            kernel.write({"given.txt": b"given"})


@pytest.mark.programs
def test_a_fork_server_that_has_ended_is_an_error_at_once(server: ForkServer) -> None:
    server._process.kill()
    server._process.wait()
    started = time.monotonic()
    with pytest.raises(KernelError):
        server.files_of("ada")
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("fails", [False, True])
def test_a_block_runs_when_a_kernel_is_suspended_and_the_kernel_goes_on_whatever_happens_in_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fails: bool
) -> None:
    done: list[object] = []
    server = ForkServer.__new__(ForkServer)
    monkeypatch.setattr(server, "request", lambda **message: done.append(message["number"]))
    monkeypatch.setattr(server, "files_of", lambda kernel_id: done.append("suspended"))
    kernel = module.KernelProcess(server, "k1", tmp_path, {})

    with contextlib.suppress(KeyError), kernel.suspended():
        done.append("in the block")
        if fails:
            raise KeyError

    assert done == [signal.SIGSTOP, "suspended", "in the block", signal.SIGCONT]


def written(content: bytes) -> Iterator[bytes]:
    """The lines that arrive when the content is written to a pipe."""
    read_end, write_end = os.pipe()

    def write() -> None:
        with os.fdopen(write_end, "wb") as file:
            file.write(content)

    writer = threading.Thread(target=write)
    writer.start()
    reader = LineReader(read_end)
    while (line := reader.line(30)) is not None:
        yield line
    writer.join()
    os.close(read_end)


def test_lines_are_read_whole_and_in_order() -> None:
    assert list(written(b"one\n\ntwo\nnot ended")) == [b"one", b"", b"two"]


def test_a_long_line_takes_time_in_proportion_to_its_length() -> None:
    """Of 64 MB, which arrive in pieces of 64 KiB, copying what there is with each piece would copy 32 GB."""

    def seconds(size: int) -> float:
        line = base64.b64encode(bytes(size // 4 * 3))
        began = time.process_time()
        (read,) = written(line + b"\n")
        taken = time.process_time() - began
        assert read == line
        return taken

    short = max(seconds(4_000_000) for _ in range(3))
    assert any(seconds(64_000_000) < 3 * 16 * short for _ in range(3))  # the machine may be busy


def test_a_late_line_is_waited_for_only_so_long() -> None:
    read_end, write_end = os.pipe()
    reader = LineReader(read_end)
    os.write(write_end, b"half")
    assert reader.line(0.05) is None
    assert not reader.ended
    os.write(write_end, b" a line\n")
    assert reader.line(5) == b"half a line"
    os.close(write_end)
    assert reader.line(5) is None
    assert reader.ended
    os.close(read_end)
