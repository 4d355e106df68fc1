"""A worker that dies or hangs: the job is tried again, and a submission that ends it does not choose "no mark"."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from eventlab.grading import results, worker_process
from eventlab.grading.environment import processes
from eventlab.grading.execution import marks, notebook
from eventlab.grading.execution.outputs import CellResult
from eventlab.grading.execution.run import Run
from eventlab.grading.grade import grade
from eventlab.grading.jobs import Job, Limits, Outcome
from eventlab.grading.judge import Judge
from eventlab.grading.scheduler import Scheduler
from eventlab.grading.worker import Worker
from eventlab.grading.worker_process import WorkerProcess
from tests.grading import tiny_lab
from tests.grading.worker_programs import replace_workers

DIES = """
import json, os, sys
print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    job = json.loads(line)
    fields = {"student": job["student"], "lab": "tiny", "status": "graded", "max_points": 8,
              "fingerprint": job["fingerprint"]}
    right = job["student"] == "instructor"
    for points in (0, 2) if sys.argv[1] == "late" else ():
        so_far = {"kind": "graded", "record": fields | {"points": points}, "notebook": None, "reason": ""}
        print(json.dumps(so_far | {"goes_on": True}), flush=True)
    if not right:
        os.kill(os.getpid(), 9)
    whole = {"kind": "graded", "record": fields | {"points": 8}, "notebook": None, "reason": ""}
    print(json.dumps(whole), flush=True)
"""


@pytest.mark.programs
@pytest.mark.parametrize(("when", "points"), [("late", 2), ("before the submission's code", None)])
def test_who_ends_the_worker_in_two_gradings_has_the_mark_so_far(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str, points: float | None
) -> None:
    replace_workers(monkeypatch, DIES, when.split()[0])
    lab, output = tiny_lab.make(tmp_path / "tiny"), tmp_path / "out"
    (tmp_path / "in").mkdir()
    tiny_lab.write(tmp_path / "in" / "ada.ipynb")

    (first,) = grade(lab, tmp_path / "in", output, workers=1)
    (second,) = grade(lab, tmp_path / "in", output, workers=1)

    assert (first.status, first.points) == ("infrastructure_failed", None)
    assert second.points == points
    assert ("the worker's process ended (exit code -9)" in second.doubt) == (points is not None)


@pytest.mark.programs
def test_a_grading_that_failed_before_the_submissions_code_began_does_not_count_as_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab, output = tiny_lab.make(tmp_path / "tiny"), tmp_path / "out"
    (tmp_path / "in").mkdir()
    tiny_lab.write(tmp_path / "in" / "ada.ipynb")
    points = []
    for when in ("before", "late", "late"):
        replace_workers(monkeypatch, DIES, when)
        (record,) = grade(lab, tmp_path / "in", output, workers=1)
        points.append(record.points)

    assert points == [None, None, 2]


STARTS_ONCE = f"""
import pathlib, sys
started = pathlib.Path(sys.argv[2], "started")
if started.exists():
    sys.exit(1)
started.touch()
{DIES}
"""


@pytest.mark.programs
def test_a_worker_that_does_not_start_again_keeps_what_the_submission_had_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace_workers(monkeypatch, STARTS_ONCE, "late", str(tmp_path))
    lab, output = tiny_lab.make(tmp_path / "tiny"), tmp_path / "out"
    (tmp_path / "in").mkdir()
    tiny_lab.write(tmp_path / "in" / "ada.ipynb")

    (record,) = grade(lab, tmp_path / "in", output, workers=1)

    assert (record.points, record.began) == (None, True)
    assert "could not start" in record.messages[0]


HANGS_ONCE = """
import json, pathlib, sys, time
hangs = not pathlib.Path(sys.argv[1]).exists()
pathlib.Path(sys.argv[1]).touch()
print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    record = {"student": json.loads(line)["student"], "lab": "tiny", "status": "graded"}
    record |= {"points": 2, "max_points": 8}
    answer = {"kind": "graded", "record": record, "notebook": None, "reason": ""}
    if hangs:
        print(json.dumps(answer | {"goes_on": True}), flush=True)
        time.sleep(600)
    print(json.dumps(answer | {"record": record | {"points": 8}}), flush=True)
"""


@pytest.mark.programs
def test_a_worker_that_hangs_is_ended_and_the_job_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    replace_workers(monkeypatch, HANGS_ONCE, str(tmp_path / "tried"))
    monkeypatch.setattr(worker_process, "MAX_SILENCE_S", 0.5)
    monkeypatch.setattr(processes, "SERVICES_TIMEOUT_S", 1)
    jobs = [Job(student, None, None, "", "", 1) for student in ("ada", "ben")]

    with Scheduler(tiny_lab.make(tmp_path / "tiny"), tmp_path / "logs", Limits(time_limit=1), 1) as scheduler:
        found = {job.student: outcome for job, outcome in scheduler.outcomes(jobs)}

    assert [found[name].record.points for name in ("ada", "ben")] == [8, 8]  # type: ignore[union-attr]
    assert worker_process.SILENT.format(2) in caplog.text


@pytest.mark.programs
def test_nothing_of_a_worker_that_hung_is_still_being_ended_when_its_job_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its folder is deleted then, and a new worker starts in its place."""
    replace_workers(monkeypatch, HANGS_ONCE, str(tmp_path / "tried"))
    monkeypatch.setattr(worker_process, "MAX_SILENCE_S", 0.5)
    steps, close = [], processes.close_worker

    def slowly(process: subprocess.Popen[str], timeout_s: float) -> None:
        close(process, timeout_s)
        time.sleep(0.5)  # what it has started ends
        steps.append("ended")

    monkeypatch.setattr(processes, "SERVICES_TIMEOUT_S", 1)
    monkeypatch.setattr(processes, "close_worker", slowly)
    worker = WorkerProcess(tiny_lab.make(tmp_path / "tiny"), 0, tmp_path, Limits(time_limit=0.5))
    worker.wait_ready()
    outcome = worker.grade(Job("ada", None, None, "", "", 1))
    steps.append("answered")
    worker.close()

    assert steps == ["ended", "answered", "ended"]
    assert outcome.reason == worker_process.SILENT.format(1)


@pytest.mark.programs
def test_a_process_of_another_user_that_cannot_be_killed_ends_no_grading() -> None:
    """As a bubblewrap that is installed with the rights of root."""
    sleeps = subprocess.Popen(["sleep", "60"])
    child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                os.setuid(65_534)
            processes._kill([psutil.Process(sleeps.pid)])
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    sleeps.kill()
    sleeps.wait()
    assert status == 0


@pytest.mark.programs
def test_a_worker_that_was_ended_while_it_answered_fails_its_next_job_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace_workers(monkeypatch, HANGS_ONCE, str(tmp_path / "tried"))
    worker = WorkerProcess(tiny_lab.make(tmp_path / "tiny"), 0, tmp_path, Limits())
    worker.wait_ready()
    worker._end_silent()
    outcome = worker.grade(Job("ada", None, None, "", "", 1))
    worker.close()

    assert outcome.kind == "infrastructure_failed"


def test_a_record_so_far_has_what_was_judged_and_says_that_the_rest_was_interrupted(tmp_path: Path) -> None:
    lab = tiny_lab.make(tmp_path / "tiny")
    matched = notebook.instructor_steps(tiny_lab.notebook())
    run = Run(interrupted=True, results={2: CellResult("done")})
    (check,) = lab.checks_of("q1")
    run.checks["q1"] = (results.CheckResult.of(check, marks.NOT_RUN),)
    found = marks.record(lab, "ada", matched, [run], Limits())

    assert [question.note for question in found.questions[1:]] == ["not run: the grading was interrupted"] * 3
    outcome = Outcome.of(found)
    assert Outcome.from_json(outcome.to_json(goes_on=True)) == (outcome, True)


@pytest.mark.parametrize(
    ("error", "counts"), [(notebook.InterruptedReadError("it was killed"), True), (OSError("no such file"), False)]
)
def test_only_a_notebook_whose_reading_ended_early_counts_as_one_that_may_be_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, counts: bool
) -> None:
    """The submission of a student can need much memory; it cannot make a file disappear."""

    def read(path: Path) -> None:
        raise error

    monkeypatch.setattr(notebook, "read", read)
    lab = tiny_lab.make(tmp_path / "tiny")
    config = SimpleNamespace(contained=True)
    stack = SimpleNamespace(clean=lambda: None, forget_logs=lambda: None, config=config)
    worker = Worker(lab, stack, Judge(lab), Limits(), "")  # type: ignore[arg-type]

    outcome = worker.grade(Job("ada", "ada.ipynb", None, "", "", 1))

    assert (outcome.kind, outcome.record is not None) == ("infrastructure_failed", counts)
