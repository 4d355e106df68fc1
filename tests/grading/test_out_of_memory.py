"""A submission that lost points while processes were killed for lack of memory is tried again."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from eventlab.grading import machine_faults
from eventlab.grading.jobs import Job, Limits, Outcome
from eventlab.grading.judge import Judge
from eventlab.grading.results import SubmissionRecord
from eventlab.grading.worker import Worker
from eventlab.labs.catalogue import Lab
from tests.grading import tiny_lab


def worker(tmp_path: Path, points: float, event: Callable[[], None]) -> Worker:
    """Return a worker whose submissions end with points after an event."""

    class Dying(Worker):
        def _outcome(self, job: Job) -> Outcome:
            event()
            return Outcome.of(SubmissionRecord("ada", "tiny", "graded", points, 8.0))

    lab: Lab = tiny_lab.make(tmp_path / "tiny")
    stack = SimpleNamespace(clean=lambda: None, forget_logs=lambda: None)
    return Dying(lab, stack, Judge(lab), Limits(), "")  # type: ignore[arg-type]


JOB = Job("ada", None, None, "", "", 1)


def count_kills(root: Path, group: str, name: str, count: int) -> None:
    (root / "proc/self").mkdir(parents=True, exist_ok=True)
    (root / "proc/self/cgroup").write_text(group)
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(f"low 0\noom_kill {count}\n")


def test_points_that_were_lost_while_processes_were_killed_are_not_the_submissions_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kills = iter([3, 4])
    monkeypatch.setattr(machine_faults, "oom_kills", lambda: next(kills))

    outcome = worker(tmp_path, 6, lambda: None).grade(JOB)

    assert outcome.kind == "infrastructure_failed"
    assert "no memory left" in outcome.reason
    assert outcome.record is not None
    assert outcome.record.points == 6


@pytest.mark.parametrize(("points", "kills"), [(8, [3, 4]), (6, [3, 3])])
def test_full_marks_and_a_quiet_machine_leave_no_doubt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, points: float, kills: list[int]
) -> None:
    counts = iter(kills)
    monkeypatch.setattr(machine_faults, "oom_kills", lambda: next(counts))
    assert worker(tmp_path, points, lambda: None).grade(JOB).kind == "graded"


@pytest.mark.parametrize(
    ("group", "name"),
    [
        ("0::/box\n", "sys/fs/cgroup/box/memory.events"),
        ("5:cpu:/\n4:memory:/box\n", "sys/fs/cgroup/memory/box/memory.oom_control"),
        ("", "proc/vmstat"),
    ],
)
def test_killed_processes_are_counted_in_the_own_control_group_or_on_the_machine(
    tmp_path: Path, group: str, name: str
) -> None:
    count_kills(tmp_path, group, "proc/vmstat", 23)
    count_kills(tmp_path, group, name, 7)
    assert machine_faults.oom_kills(tmp_path) == 7


GROUPS = (  # of version 1 and of version 2: the folder, and the files of its limits
    (Path("/sys/fs/cgroup/memory"), ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes")),
    (Path("/sys/fs/cgroup"), ("memory.max", "memory.swap.max")),
)
COUNTS_A_KILLED_CHILD = """
import subprocess, sys
from pathlib import Path

from eventlab.grading.machine_faults import oom_kills

Path(sys.argv[1], "cgroup.procs").write_text("0")
before = oom_kills()
subprocess.run([sys.executable, "-c", "x = b'x' * 900_000_000"])
print(oom_kills() - before)
"""


@pytest.fixture
def little_memory() -> Iterator[Path]:
    """Create a control group with 300 MB of memory."""
    for folder, limits in GROUPS:
        group = folder / f"eventlab-test-{os.getpid()}"
        with contextlib.suppress(OSError):
            group.mkdir()
            try:
                (group / limits[0]).write_text("300000000")
                with contextlib.suppress(OSError):  # a machine may not limit swap
                    (group / limits[1]).write_text("300000000" if "limit" in limits[1] else "0")
                yield group
            finally:
                group.rmdir()
            return
    pytest.skip("no control group with a limit of memory can be created")


@pytest.mark.programs
def test_a_process_that_the_kernel_kills_for_lack_of_memory_is_counted(little_memory: Path) -> None:
    command = [sys.executable, "-c", COUNTS_A_KILLED_CHILD, str(little_memory)]
    assert int(subprocess.run(command, capture_output=True, text=True, check=True).stdout) >= 1
