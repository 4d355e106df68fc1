"""A kernel or a job cannot fill the memory of the worker, and so end it, with a message that never ends."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from eventlab.grading.environment import cleanup
from eventlab.grading.environment.fork_server import ForkServer
from eventlab.grading.environment.own_memory import OwnMemoryWatch, resident
from eventlab.grading.environment.sandbox import MIB, ProcessLimits
from eventlab.grading.environment.services import WorkerStackError
from eventlab.grading.environment.worker_stack import WorkerStack
from eventlab.grading.execution.kernel import SubmissionKernel
from tests.grading import run_attacks
from tests.grading.forked_kernels import needs_bubblewrap, ready, running_fork_server
from tests.helpers import wait_until

pytestmark = pytest.mark.services
(ATTACK,) = run_attacks.attacks(["kernel_parts_of_messages"])


@pytest.fixture
def fork_server() -> Iterator[ForkServer]:
    with running_fork_server(contained=True) as opened:
        yield opened


@pytest.fixture
def kernel(fork_server: ForkServer) -> Iterator[SubmissionKernel]:
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


@pytest.fixture
def stack(
    fork_server: ForkServer, kernel: SubmissionKernel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[WorkerStack]:
    """A worker's stack that watches the kernel of a notebook; it has no services."""
    monkeypatch.setattr(cleanup, "end_sessions", lambda settings, kept: 0)
    run, services = tmp_path / "run", SimpleNamespace(kill=lambda: None)
    (run / "data").mkdir(parents=True)
    opened = WorkerStack(SimpleNamespace(run=run, settings=None, limits=ProcessLimits(disk_mib=20)))  # type: ignore[arg-type]
    opened._fork_server, opened._data, opened._spark = fork_server, services, services  # type: ignore[assignment]
    opened._watch(kernel)
    yield opened
    opened._stop_watching()


MESSAGE = ATTACK.code.replace("while True:", "for _ in range(900):")
"""900 MiB: no more, in case that nobody ends it."""
assert ATTACK.code != MESSAGE


@needs_bubblewrap
@pytest.mark.filterwarnings("ignore:.*BaseEventLoop:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    ("job", "stored_mib", "limit"),
    [(MESSAGE, 0, "of its messages waited"), ("", 30, "more than 20 MiB were stored")],
    ids=["messages", "disk"],
)
def test_what_exceeds_a_limit_during_a_trial_ends_its_jobs_and_the_trial(
    stack: WorkerStack, job: str, stored_mib: int, limit: str
) -> None:
    machine = stack.machine({"job.py": f"{job}\nimport time; time.sleep(600)".encode()})
    machine.start("q2", "job.py", "topic", "/tmp/folder")
    process = machine.jobs["q2"].kernel.process
    with (stack.config.run / "data" / "stored").open("wb") as file:
        file.write(b"x" * stored_mib * MIB)

    wait_until(lambda: bool(process.exit_reason), 60)

    assert limit in str(process.exit_reason)
    with pytest.raises(WorkerStackError, match=limit):
        machine.ended("q2")
    with pytest.raises(WorkerStackError, match=limit):
        machine.start("q2", "job.py", "topic", "/tmp/folder")
    assert limit in stack.exceeded, "or the end of Spark is a fault of the machine"
    machine.close()
    del machine
    gc.collect()  # the event loop that Jupyter's client has opened in the thread of the job
