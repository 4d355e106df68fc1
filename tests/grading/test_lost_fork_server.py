"""The end of the process that forks kernels is a fault of the machine, never of the cell that was running."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import zmq

from eventlab.grading.environment.fork_server import ForkServer
from eventlab.grading.execution.kernel import KernelError, SubmissionKernel
from tests.grading.forked_kernels import printed, ready, running_fork_server
from tests.helpers import has_ended, wait_until

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
