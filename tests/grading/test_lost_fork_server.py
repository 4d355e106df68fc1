"""The end of the process that forks kernels is a fault of the machine, never of the cell that was running."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import zmq

from eventlab.grading.environment.fork_server import ForkServer
from eventlab.grading.execution.kernel import NO_SANDBOX, KernelError, SubmissionKernel
from tests.grading.forked_kernels import printed, ready, running_fork_server
from tests.helpers import has_ended, suspend, wait_until

pytestmark = pytest.mark.services


@pytest.fixture
def fork_server() -> Iterator[ForkServer]:
    with running_fork_server(contained=False) as running:
        yield running


@pytest.fixture
def kernel(fork_server: ForkServer) -> Iterator[SubmissionKernel]:
    yield from ready(fork_server)


def test_a_cell_during_which_the_fork_server_is_killed_has_no_result(
    fork_server: ForkServer, kernel: SubmissionKernel
) -> None:
    pid = int(printed(kernel, "import os; print(os.getpid())"))
    threading.Timer(0.5, fork_server._process.kill).start()
    with pytest.raises(KernelError, match="not running"):
        kernel.execute("import time; time.sleep(30)", 60)
    wait_until(lambda: has_ended(pid))


def test_a_socket_of_the_grader_that_fails_is_not_the_end_of_the_kernel(kernel: SubmissionKernel) -> None:
    kernel._client.shell_channel.socket.close()
    with pytest.raises(zmq.ZMQError):
        kernel.execute("1", 10)
    assert kernel.process.exit_reason is None


def test_a_fork_server_that_has_ended_leaves_no_folder_and_the_next_one_uses_no_number_again(
    fork_server: ForkServer, tmp_path: Path
) -> None:
    first = fork_server.start()
    fork_server._process.kill()
    wait_until(lambda: fork_server.has_ended)
    with pytest.raises(KernelError, match="not running"):
        fork_server.start()
    assert [*fork_server.folder.iterdir()] == [first.folder]
    other = ForkServer(["cat"], tmp_path, None, tmp_path / "log", {"PATH": os.environ["PATH"]})
    assert int(other.start().id[1:]) > int(first.id[1:])
    other.close()


def test_a_fork_server_that_hangs_does_not_answer(
    fork_server: ForkServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    fork_server.is_warm.wait(60)
    assert fork_server.answers()
    monkeypatch.setattr("eventlab.grading.environment.fork_server.ANSWER_TIMEOUT_S", 0.5)
    process = psutil.Process(fork_server._process.pid)
    suspend(process)
    assert not fork_server.answers()
    process.resume()


@pytest.mark.parametrize("sent", ["no JSON", "{}", '["event"]'])
def test_a_fork_server_that_sends_what_is_no_event_is_ended(tmp_path: Path, sent: str) -> None:
    command = ["sh", "-c", 'echo "$0"; exec sleep 60', sent]
    server = ForkServer(command, tmp_path, None, tmp_path / "log", {"PATH": os.environ["PATH"]})
    wait_until(lambda: server.has_ended)
    assert server.exit_reason("k1") == NO_SANDBOX
    server.close()
