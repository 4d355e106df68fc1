"""A submission that died while the machine killed processes for lack of memory has no mark and is tried again."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from eventlab.grading import results
from eventlab.grading.environment import processes
from eventlab.grading.jobs import Job, Limits, Outcome
from eventlab.grading.judge import Judge
from eventlab.grading.worker import Worker
from eventlab.labs.catalogue import Lab
from tests.grading import tiny_lab

GROUPS = (  # of version 1 and of version 2: the folder, and the files of its limits
    (Path("/sys/fs/cgroup/memory"), ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes")),
    (Path("/sys/fs/cgroup"), ("memory.max", "memory.swap.max")),
)


@pytest.fixture
def run_out_of_memory() -> Iterator[Callable[[], None]]:
    """Return a function that has the kernel kill a process, in a control group with little memory."""
    for folder, limits in GROUPS:
        group = folder / f"eventlab-test-{os.getpid()}"
        with contextlib.suppress(OSError):
            group.mkdir()
            (group / limits[0]).write_text("50000000")
            with contextlib.suppress(OSError):  # a machine may not limit swap
                (group / limits[1]).write_text("50000000" if "limit" in limits[1] else "0")
            break
    else:
        pytest.skip("no control group with a limit of memory can be created")
    enter = f"from pathlib import Path; Path({str(group / 'cgroup.procs')!r}).write_text('0')"
    command = [sys.executable, "-c", f"{enter}; x = b'x' * 300_000_000"]

    def run() -> None:
        subprocess.run(command, check=False)

    yield run
    group.rmdir()


def worker(tmp_path: Path, status: results.Status, event: Callable[[], None]) -> Worker:
    """Return a worker whose submissions end with a status after an event."""

    class Dying(Worker):
        def _outcome(self, job: Job) -> Outcome:
            event()
            return Outcome.of(results.without_points(self.lab, job.student, status, ""))

    lab: Lab = tiny_lab.make(tmp_path / status)
    return Dying(lab, SimpleNamespace(forget_logs=lambda: None), Judge(lab), Limits(), "")  # type: ignore[arg-type]


JOB = Job("ada", None, None, "", "", 1)


def test_a_kernel_that_died_while_the_machine_had_no_memory_is_no_mark(tmp_path: Path, run_out_of_memory) -> None:
    before = processes.oom_kills()

    outcome = worker(tmp_path, "died", run_out_of_memory).grade(JOB)

    assert processes.oom_kills() == before + 1
    assert outcome.kind == "infrastructure_failed"
    assert "no memory left" in outcome.reason


def test_a_submission_that_ended_otherwise_keeps_its_mark(tmp_path: Path, run_out_of_memory) -> None:
    assert worker(tmp_path, "timed_out", run_out_of_memory).grade(JOB).kind == "submission_failed"


def test_a_kernel_that_died_by_itself_is_the_submissions_own_failure(tmp_path: Path) -> None:
    assert worker(tmp_path, "died", lambda: None).grade(JOB).kind == "submission_failed"
