"""The machine of a trial in grading: each start of a job is a new sandbox, and a limit ends the trial."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from eventlab.grading.environment import cleanup
from eventlab.grading.environment.fork_server import ForkServer
from eventlab.grading.environment.sandbox import MIB, ProcessLimits
from eventlab.grading.environment.services import WorkerStackError
from eventlab.grading.environment.trial_machine import TrialMachine
from eventlab.grading.environment.worker_stack import WorkerStack
from tests.grading import run_attacks
from tests.grading.forked_kernels import needs_bubblewrap, ready, running_fork_server
from tests.helpers import wait_until

pytestmark = [
    pytest.mark.services,
    needs_bubblewrap,
    pytest.mark.filterwarnings("ignore:.*BaseEventLoop:pytest.PytestUnraisableExceptionWarning"),
]
(ATTACK,) = run_attacks.attacks(["kernel_parts_of_messages"])
MESSAGE = ATTACK.code.replace("while True:", "for _ in range(900):")
"""900 MiB: no more, in case that nobody ends it."""
LOOKS = """
import os
places = ("here", "/tmp/there", os.path.expanduser("~/home"), "/dev/shm/memory")
print([os.path.exists(place) for place in places], open("own.txt").read())
for place in places:
    open(place, "w").close()
open("own.txt", "w").close()
"""


@pytest.fixture
def fork_server() -> Iterator[ForkServer]:
    with running_fork_server(contained=True) as opened:
        yield opened


@pytest.fixture
def worker_stack(
    fork_server: ForkServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[WorkerStack]:
    """A worker's stack that watches the kernel of a notebook; it has no services."""
    monkeypatch.setattr(cleanup, "end_sessions", lambda settings, kept: 0)
    (tmp_path / "data").mkdir()
    configuration = SimpleNamespace(run=tmp_path, settings=None, limits=ProcessLimits(disk_mib=20))
    opened = WorkerStack(configuration)  # type: ignore[arg-type]
    services = SimpleNamespace(kill=lambda: None, kill_others=lambda: None, watch_is_stopped=lambda: False)
    opened._fork_server, opened._data, opened._spark = fork_server, services, services  # type: ignore[assignment]
    opened._classes = SimpleNamespace(found=list)  # type: ignore[assignment]
    for kernel in ready(fork_server):
        opened._watch(kernel)
        yield opened
        opened._stop_watching()
    gc.collect()  # the event loops that Jupyter's client has opened in the threads of the jobs


def start(machine: TrialMachine) -> None:
    machine.start("q2", "job.py", "topic", "/tmp/folder")


def test_a_job_that_is_started_again_finds_nothing_of_the_last_start(worker_stack: WorkerStack) -> None:
    machine = worker_stack.machine({"job.py": LOOKS.encode(), "own.txt": b"as handed in"})
    for _ in range(2):
        start(machine)
        wait_until(lambda: machine.ended("q2") is not None, 60)
        assert machine.ended("q2") == "[False, False, False, False] as handed in"
    machine.close()


@pytest.mark.parametrize(("code", "has_succeeded"), [(0, True), (3, False)])
def test_a_job_can_end_with_exit_as_a_program_can(
    worker_stack: WorkerStack, code: int, has_succeeded: bool
) -> None:
    """IPython hides this function."""
    machine = worker_stack.machine({"job.py": f"exit({code})".encode()})
    start(machine)
    wait_until(lambda: machine.ended("q2") is not None, 60)
    assert (machine.ended("q2"), machine.has_succeeded("q2")) == (f"SystemExit: {code}", has_succeeded)
    machine.close()


@pytest.mark.parametrize(
    ("job", "stored_mib", "limit"),
    [(MESSAGE, 0, "of its messages waited"), ("", 30, "more than 20 MiB were stored")],
    ids=["messages", "disk"],
)
def test_what_exceeds_a_limit_during_a_trial_ends_its_jobs_and_the_trial(
    worker_stack: WorkerStack, job: str, stored_mib: int, limit: str
) -> None:
    machine = worker_stack.machine({"job.py": f"{job}\nimport time; time.sleep(600)".encode()})
    start(machine)
    process = machine.jobs["q2"].kernel.process
    (worker_stack.config.run / "data" / "stored").write_bytes(b"x" * stored_mib * MIB)

    wait_until(lambda: bool(process.exit_reason), 60)

    assert limit in str(process.exit_reason)
    with pytest.raises(WorkerStackError, match=limit):
        machine.ended("q2")
    with pytest.raises(WorkerStackError, match=limit):
        start(machine)
    assert limit in worker_stack.exceeded, "or the end of Spark is a fault of the machine"
    machine.close()
