"""A submission that lost points while processes were killed for lack of memory is tried again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from eventlab.grading.environment import processes
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
    return Dying(lab, SimpleNamespace(forget_logs=lambda: None), Judge(lab), Limits(), "")  # type: ignore[arg-type]


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
    monkeypatch.setattr(processes, "oom_kills", lambda: next(kills))

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
    monkeypatch.setattr(processes, "oom_kills", lambda: next(counts))
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
    assert processes.oom_kills(tmp_path) == 7
