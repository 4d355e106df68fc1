"""A submission that never ends delays nobody else: the order of the jobs, and what a kernel leaves to others."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from eventlab.grading import scheduler
from eventlab.grading.execution import notebook
from eventlab.grading.jobs import Job, Limits, usual_first
from eventlab.grading.scheduler import Scheduler
from tests.grading import tiny_lab
from tests.grading.forked_kernels import printed, ready, running_fork_server
from tests.grading.worker_programs import replace_workers

WORKER = """
import json, sys, time
from pathlib import Path
begun = Path(sys.argv[1])
print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    student, end = json.loads(line)["student"], time.monotonic() + 60
    with begun.open("a") as log:
        log.write(student + "\\n")
    while time.monotonic() < end and (
        student == "endless" or student == "ben" and "endless" not in begun.read_text()
    ):
        time.sleep(0.01)
    record = {"student": student, "lab": "tiny", "status": "graded", "points": 8, "max_points": 8}
    print(json.dumps({"kind": "graded", "record": record, "notebook": None, "reason": ""}), flush=True)
"""
"""Ben takes as long as the second worker needs to begin, which can be long on a busy machine."""
STARTS = """
import json, sys, time
from pathlib import Path
log, patience_s = Path(sys.argv[1]), float(sys.argv[2])
def write(line):
    with log.open("a") as file:
        file.write(line + "\\n")
write("started")
print(json.dumps({"ready": True}), flush=True)
for number, line in enumerate(sys.stdin):
    deadline = time.monotonic() + (60 if number else patience_s)
    while log.read_text().count("started") < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    write("graded")
    student = json.loads(line)["student"]
    record = {"student": student, "lab": "tiny", "status": "graded", "points": 8, "max_points": 8}
    print(json.dumps({"kind": "graded", "record": record, "notebook": None, "reason": ""}), flush=True)
"""


def job(folder: Path, student: str, size: int | None) -> Job:
    path = folder / f"{student}.ipynb"
    if size is not None:
        path.write_bytes(b"x" * size)
    return Job(student, None if student == "none" else str(path), None, "", "", 1)


def test_notebooks_that_may_wait_for_ever_come_last(tmp_path: Path) -> None:
    cells = {
        "abe": "while True: pass",
        "ada": "x = 1",
        "ben": "x = 1" + "#" * 500,
        "cyd": "x = 1",
        "eve": "time.sleep(600)",
    }
    jobs = [job(tmp_path, student, None) for student in cells]
    for student, source in cells.items():
        tiny_lab.write(tmp_path / f"{student}.ipynb", q2=source)
    assert {one.student for one in usual_first(jobs)[-2:]} == {"abe", "eve"}


def test_notebooks_of_a_usual_size_come_first(tmp_path: Path) -> None:
    sizes = {"abe": 90_000, "ada": 5010, "ben": 5000, "cyd": 4000, "eve": 5001, "gone": None, "none": None}
    jobs = [job(tmp_path, student, size) for student, size in sizes.items()]
    assert [one.student for one in usual_first(jobs)] == ["ben", "eve", "ada", "cyd", "gone", "none", "abe"]
    assert usual_first(jobs[:1]) == jobs[:1]


@pytest.mark.programs
def test_the_second_worker_begins_with_the_last_job_so_that_an_endless_one_there_delays_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace_workers(monkeypatch, WORKER, str(tmp_path / "begun"))
    jobs = [Job(student, None, None, "", "", 1) for student in ("ada", "ben", "cyd", "eve", "endless")]
    with Scheduler(tiny_lab.make(tmp_path / "tiny"), tmp_path / "logs", Limits(), 2) as pool:
        outcomes = pool.outcomes(jobs)
        first = [next(outcomes)[0].student for _ in range(4)]
    assert first == ["ada", "ben", "cyd", "eve"]
    begun = (tmp_path / "begun").read_text().split()
    assert begun.index("endless") < begun.index("eve")


@pytest.mark.programs
@pytest.mark.parametrize(("head_start_s", "patience_s", "before"), [(30, 0.5, True), (0.1, 30, False)])
def test_the_next_worker_starts_after_the_first_result_and_does_not_wait_long_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, head_start_s: float, patience_s: float, before: bool
) -> None:
    monkeypatch.setattr(scheduler, "cores", lambda: 2.0)
    monkeypatch.setattr(scheduler, "HEAD_START_S", head_start_s)
    replace_workers(monkeypatch, STARTS, str(tmp_path / "log"), str(patience_s))
    jobs = [Job(student, None, None, "", "", 1) for student in ("ada", "ben", "cyd")]
    with Scheduler(tiny_lab.make(tmp_path / "tiny"), tmp_path / "logs", Limits(), 2) as pool:
        assert len(list(pool.outcomes(jobs))) == 3
    lines = (tmp_path / "log").read_text().split()
    second = [number for number, line in enumerate(lines) if line == "started"][1]
    assert ("graded" in lines[:second]) == before


def test_of_the_instructors_notebook_only_what_a_question_needs_runs() -> None:
    whole = notebook.instructor_steps(tiny_lab.notebook())
    checks = whole.check_steps(["q1", "q2", "q3", "q4"])
    part, check_steps = whole.until({"q2"}, checks)
    assert part.steps == whole.steps[: checks["q2"] + 1]
    assert list(check_steps) == ["q1", "q2"]
    assert whole.until(["q1", "q4"], checks) == (whole, checks)


@pytest.mark.services
def test_a_kernel_has_a_lower_priority_than_the_services() -> None:
    with running_fork_server(contained=False) as fork_server:
        for kernel in ready(fork_server):
            assert printed(kernel, "import os; print(os.nice(0))") == str(os.nice(0) + 5)
