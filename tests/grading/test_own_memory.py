"""A kernel cannot fill the memory of the worker, and so end it, with a message that never ends."""

from __future__ import annotations

import ctypes
import gc
import time
from collections.abc import Iterator

import pytest

from eventlab.grading.environment.sandbox import MIB
from eventlab.grading.environment.watches import OwnMemoryWatch, resident
from eventlab.grading.execution.kernel import SubmissionKernel
from tests.grading import run_attacks
from tests.grading.forked_kernels import needs_bubblewrap, printed, ready, running_fork_server
from tests.helpers import wait_until

pytestmark = pytest.mark.services
(ATTACK,) = run_attacks.attacks(["kernel_parts_of_messages"])
FLOODS = """
import threading
from ipykernel.kernelapp import IPKernelApp
kernel = IPKernelApp.instance().kernel
parent = kernel.get_parent()
def flood():
    content = {"name": "stdout", "text": "x" * 5_000_000}
    for number in range(40):
        kernel.session.send(kernel.iopub_socket, "stream", content, parent=parent)
    open("flooded.py", "w").close()
threading.Thread(target=flood, daemon=True).start()
"""
ONE_LARGE_MESSAGE = """
from ipykernel.kernelapp import IPKernelApp
outputs = IPKernelApp.instance().iopub_thread
outputs.schedule(lambda: outputs.socket.send(b"x" * 100_000_000, copy=False))
"""
"""Without the code of the kit that shortens messages."""


@pytest.fixture
def kernel() -> Iterator[SubmissionKernel]:
    with running_fork_server(contained=True) as fork_server:
        yield from ready(fork_server)


@needs_bubblewrap
def test_a_kernel_whose_message_never_ends_is_ended_and_its_message_forgotten(kernel: SubmissionKernel) -> None:
    before = resident_and_used()
    watch = OwnMemoryWatch(kernel.process.end, growth=100 * MIB)
    result = kernel.execute(ATTACK.code, 40)
    watch.stop()
    assert (result.ended, result.kernel_ended) == ("died", True)
    assert "in the memory of the grader" in result.error
    kernel.forget()
    assert resident_and_used() - before < 100 * MIB


def resident_and_used() -> int:
    """Return the memory of this process after the C library has returned what is free to the system."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return resident()


@needs_bubblewrap
def test_a_kernel_that_prints_is_not_ended(kernel: SubmissionKernel) -> None:
    watch = OwnMemoryWatch(kernel.process.end)
    result = kernel.execute("for _ in range(200): print('x' * 100_000)", 40)
    watch.stop()
    assert result.ended == "done"


@needs_bubblewrap
def test_outputs_that_nobody_reads_wait_in_the_memory_of_the_kernel(kernel: SubmissionKernel) -> None:
    before = resident_and_used()
    assert kernel.execute(FLOODS, 40).ended == "done"
    wait_until(lambda: "flooded.py" in kernel.files())
    time.sleep(0.5)  # until what is accepted has arrived
    assert resident_and_used() - before < 100 * MIB
    assert printed(kernel, "print('next')") == "next"


@needs_bubblewrap
def test_a_message_that_is_too_large_is_not_received(kernel: SubmissionKernel) -> None:
    """If it were, it would end the kernel, because it is no message of Jupyter."""
    assert kernel.execute(ONE_LARGE_MESSAGE, 40).ended == "done"
