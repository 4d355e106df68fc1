"""Jobs are given to workers, and tried again when a worker fails; the workers here are small programs."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
import time
from itertools import islice
from pathlib import Path

import pytest
from click.testing import CliRunner

from eventlab.cli.app import main
from eventlab.grading import grade as grade_module
from eventlab.grading import results, worker_process
from eventlab.grading import scheduler as scheduler_module
from eventlab.grading.environment import sandbox
from eventlab.grading.environment.services import reason
from eventlab.grading.grade import grade
from eventlab.grading.jobs import Job, Limits, Outcome
from eventlab.grading.results import SubmissionRecord
from eventlab.grading.scheduler import Scheduler
from eventlab.grading.worker_process import WorkerProcess
from tests.grading import tiny_lab
from tests.grading.worker_programs import replace_workers
from tests.helpers import Stopwatch

START_ERROR = """kafka died while starting. The end of its log, /tmp/egx/data/logs/kafka.log:
OpenJDK 64-Bit Server VM warning: something
Error occurred during initialization of VM
Could not reserve enough space for 1048576KB object heap
All of it: eventlab logs kafka"""
WORKER = """
import json, sys
from pathlib import Path
failures = json.loads(sys.argv[1])
print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    job = json.loads(line)
    count = Path(sys.argv[2], job["student"])
    times = int(count.read_text()) if count.exists() else 0
    count.write_text(str(times + 1))
    if times < failures.get(job["student"], 0):
        raise SystemExit(f"{job['student']} loses its worker")
    record = {"student": job["student"], "lab": "tiny", "status": "graded", "points": 8, "max_points": 8}
    print(json.dumps({"kind": "graded", "record": record, "notebook": None, "reason": ""}), flush=True)
"""


def outcomes(tmp_path: Path, *students: str, workers: int = 1, fresh: bool = False) -> dict[str, Outcome]:
    jobs = [Job(student, None, None, "", "", 1) for student in students]
    tmp_path.mkdir(exist_ok=True)
    lab = tiny_lab.make(tmp_path / "tiny")
    with Scheduler(lab, tmp_path / "logs", Limits(), workers, fresh=fresh) as scheduler:
        return {job.student: outcome for job, outcome in scheduler.outcomes(jobs)}


def test_a_services_reason_is_one_line_of_what_happened_and_why() -> None:
    assert reason(START_ERROR) == "kafka died while starting (Error occurred during initialization of VM)"
    assert reason("No fitting Java 17 to 25: there is none") == "No fitting Java 17 to 25: there is none"


def test_a_stack_that_does_not_start_gives_no_marks_and_a_sentence_with_the_next_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace_workers(
        monkeypatch, f"print({json.dumps(json.dumps({'failed': reason(START_ERROR)}))}); raise SystemExit(1)"
    )
    found = outcomes(tmp_path, "ada", "ben")
    assert {outcome.kind for outcome in found.values()} == {"infrastructure_failed"}
    assert found["ada"].reason.startswith(
        "A worker could not start its services: kafka died while starting "
        "(Error occurred during initialization of VM). Look for what this machine lacks: eventlab doctor"
    )
    assert (tmp_path / "logs" / "worker-0" / "start-2" / "worker.log").exists()


def test_without_room_for_a_worker_nobody_has_a_mark_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.setattr(WorkerProcess, "command", staticmethod(lambda options: [str(tmp_path / "no program")]))
    for room in ("no folder", "no process"):
        found = outcomes(tmp_path / room, "ada", "ben")
        assert {outcome.kind for outcome in found.values()} == {"infrastructure_failed"}
        assert found["ada"].reason.startswith("A worker could not start: [Errno 2] No such file or directory")
        (tmp_path / "temporary").mkdir(exist_ok=True)
    assert [*(tmp_path / "temporary").iterdir()] == []


def test_a_worker_that_ends_while_it_starts_is_reported_with_the_last_line_of_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace_workers(monkeypatch, "raise ImportError('no module named zmq')")
    (outcome,) = outcomes(tmp_path, "ada").values()
    assert "ImportError: no module named zmq. Look for" in outcome.reason
    assert "Traceback" not in outcome.reason


def test_a_job_whose_worker_ends_once_is_graded_by_a_fresh_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace_workers(monkeypatch, WORKER, json.dumps({"ada": 1}), str(tmp_path))
    found = outcomes(tmp_path, "ada", "ben")
    assert [outcome.kind for outcome in found.values()] == ["graded", "graded"]
    assert "ada loses its worker" in (tmp_path / "logs" / "ada" / "attempt-1" / "worker.log").read_text()
    assert not (tmp_path / "logs" / "ada" / "attempt-2").exists()
    assert not (tmp_path / "logs" / "ben").exists()


def test_a_job_whose_worker_ends_twice_has_no_mark_and_costs_nobody_else_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace_workers(monkeypatch, WORKER, json.dumps({"ada": 2}), str(tmp_path))
    found = outcomes(tmp_path, "ada", "ben", "cyd")
    assert {student: outcome.kind for student, outcome in found.items()} == {
        "ada": "infrastructure_failed",
        "ben": "graded",
        "cyd": "graded",
    }
    assert "ada loses its worker" in found["ada"].reason
    assert (tmp_path / "ada").read_text() == "2"
    assert sorted(path.name for path in (tmp_path / "logs" / "ada").iterdir()) == ["attempt-1", "attempt-2"]


FAILS = """
import json, sys
from pathlib import Path
print(json.dumps({"ready": True}), flush=True)
job, points, log = json.loads(sys.stdin.readline()), json.loads(sys.argv[1]), Path(sys.argv[2])
attempt = log.stat().st_size if log.exists() else 0
log.write_text("x" * (attempt + 1))
record = {"student": job["student"], "lab": "tiny", "status": "graded", "max_points": 8}
record["points"] = points[attempt]
outcome = {"kind": "infrastructure_failed", "record": record, "notebook": None}
print(json.dumps(outcome | {"reason": f"attempt {attempt} failed"}), flush=True)
"""


@pytest.mark.parametrize("points", [(5, 2), (2, 5), (0, 5)])
def test_of_two_attempts_that_failed_the_better_one_is_the_outcome(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, points: tuple[int, int]
) -> None:
    replace_workers(monkeypatch, FAILS, json.dumps(points), str(tmp_path / "attempts"))
    outcome = outcomes(tmp_path, "ada")["ada"]
    assert outcome.record is not None
    assert (outcome.kind, outcome.record.points) == ("infrastructure_failed", 5)
    assert outcome.reason == f"attempt {points.index(5)} failed"


def process_ids(answers: dict[str, Outcome]) -> set[object]:
    """Return the ids of the workers, which the test's worker answers as points."""
    return {outcome.record.points for outcome in answers.values() if outcome.record}


def test_with_fresh_each_job_has_a_worker_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = WORKER.replace('"points": 8', '"points": __import__("os").getpid()')
    replace_workers(monkeypatch, program, "{}", str(tmp_path))
    processes = process_ids(outcomes(tmp_path, "ada", "ben", fresh=True))
    assert len(processes) == 2
    (tmp_path / "again").mkdir()
    processes = process_ids(outcomes(tmp_path / "again", "ada", "ben"))
    assert len(processes) == 1


STARTS = """
import json, os, select, sys, time
from pathlib import Path
log = Path(sys.argv[1])
first = not log.exists()
with log.open("a") as file:
    file.write("starts\\n")
select.select([sys.stdin], [], [], float(sys.argv[2]) if first else 0)  # ends when its input is closed
with log.open("a") as file:
    file.write("started\\n")
print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    time.sleep(0.3)
    student = json.loads(line)["student"]
    record = {"student": student, "lab": "tiny", "status": "graded", "points": 8, "max_points": 8}
    print(json.dumps({"kind": "graded", "record": record, "notebook": None, "reason": ""}), flush=True)
"""


def test_on_two_cores_one_worker_starts_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler_module, "cores", lambda: 2.0)
    replace_workers(monkeypatch, STARTS, str(tmp_path / "log"), "0.5")
    assert len(outcomes(tmp_path, "ada", "ben", "cyd", workers=2)) == 3
    assert (tmp_path / "log").read_text().split() == ["starts", "started"] * 2


def test_a_start_that_hangs_stops_no_other_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler_module, "cores", lambda: 2.0)
    monkeypatch.setattr(scheduler_module, "MAX_WAIT_FOR_STARTS_S", 0.2)
    replace_workers(monkeypatch, STARTS, str(tmp_path / "log"), "60")
    jobs = [Job(student, None, None, "", "", 1) for student in ("ada", "ben")]
    with Scheduler(tiny_lab.make(tmp_path / "tiny"), tmp_path / "logs", Limits(), 2) as scheduler:
        found = list(islice(scheduler.outcomes(jobs), len(jobs)))
    assert [outcome.kind for _, outcome in found] == ["graded"] * 2
    assert (tmp_path / "log").read_text().split()[:3] == ["starts", "starts", "started"]


def test_a_start_that_hangs_ends_after_its_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_process, "MAX_START_S", 3)
    replace_workers(monkeypatch, STARTS, str(tmp_path / "log"), "600")
    assert outcomes(tmp_path, "ada")["ada"].kind == "graded"
    assert (tmp_path / "log").read_text().split().count("starts") == 2


def test_a_worker_that_is_created_while_the_grading_is_stopped_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = threading.Event()

    def command(options: dict[str, object]) -> list[str]:
        begun.set()
        scheduler.stopped.wait(30)
        time.sleep(0.2)  # until `__exit__` has ended the workers that it knows
        return [sys.executable, "-c", "import time; time.sleep(60)"]

    monkeypatch.setattr(WorkerProcess, "command", staticmethod(command))
    with Scheduler(tiny_lab.make(tmp_path / "tiny"), tmp_path / "logs", Limits(), 1) as scheduler:
        scheduler.waiting.append(Job("ada", None, None, "", "", 1))
        thread = threading.Thread(target=scheduler._run_worker, args=(0,))
        scheduler.threads.append(thread)
        thread.start()
        assert begun.wait(30)
    assert not thread.is_alive()
    assert scheduler.workers == []


def test_a_worker_that_could_not_start_and_does_not_end_is_not_waited_for_without_a_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_process, "MAX_END_S", 0.2)
    hangs = "import select, sys; select.select([sys.stdin], [], [], 60)"  # until its input is closed
    replace_workers(monkeypatch, f"print({json.dumps(json.dumps({'failed': 'no room'}))}, flush=True); {hangs}")
    taken = Stopwatch()
    assert "could not start its services: no room" in outcomes(tmp_path, "ada")["ada"].reason
    assert taken.seconds < 20


def test_an_answer_that_is_no_outcome_is_a_failure_of_the_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace_workers(monkeypatch, WORKER.replace('"points": 8', '"points": "8"'), "{}", str(tmp_path))
    (outcome,) = outcomes(tmp_path, "ada").values()
    assert outcome.kind == "infrastructure_failed"
    assert "answer cannot be read: points" in outcome.reason


def test_an_outcome_is_one_line_and_read_back_as_it_was() -> None:
    for outcome in (
        Outcome.of(SubmissionRecord("a\nb \udcff", "tiny", "died", 1.5, 2), '{"cells": []}\n'),
        Outcome.infrastructure_failed("no\nspace"),
    ):
        for goes_on in (False, True):
            line = outcome.to_json(goes_on=goes_on)
            assert "\n" not in line
            assert Outcome.from_json(line) == (outcome, goes_on)


@pytest.fixture
def submissions(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    for student in ("ada", "ben"):
        tiny_lab.write(tmp_path / "in" / f"{student}.ipynb")
    return tmp_path / "in"


def test_a_submission_without_a_mark_is_at_the_top_of_the_report_fails_the_command_and_is_graded_next_time(
    tmp_path: Path, submissions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab, output, failures = tiny_lab.make(tmp_path / "tiny"), tmp_path / "out", json.dumps({"ben": 2})
    (tmp_path / "counts").mkdir()
    replace_workers(monkeypatch, WORKER, failures, str(tmp_path / "counts"))
    monkeypatch.setattr(grade_module, "require_sandbox", lambda no_sandbox: None)
    command = ["grade", str(lab.folder), str(submissions), "--output", str(output)]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 1
    assert "1 of 2 submissions have no mark, because the grading machine failed: ben" in done.output
    page = (output / "report.html").read_text()
    assert "1 of 2 submissions have no mark" in page.split("<h2>")[0]
    assert "ben loses its worker" in page.split("<h2>")[0]
    header, _, ben = (output / "grades.csv").read_text().splitlines()
    assert header.startswith("student,lab,status,points,max_points")
    assert ben.startswith("ben,tiny,infrastructure_failed,,8,")
    assert "no mark yet" in (output / "feedback" / "ben.html").read_text()
    assert not (output / "gradescope" / "ben" / "results.json").exists()
    without_mark = results.load("ben", output)
    assert without_mark is not None
    assert without_mark.points is None

    again = CliRunner().invoke(main, command)
    assert again.exit_code == 0, again.output
    record = results.load("ben", output)
    assert record is not None
    assert record.points == 8
    assert (output / "gradescope" / "ben" / "results.json").exists()


def test_without_java_the_command_says_how_to_get_one(
    tmp_path: Path, submissions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from eventlab.stack import java

    sandbox.support.cache_clear()
    monkeypatch.setattr(java, "candidates", lambda: iter(()))
    try:
        done = CliRunner().invoke(main, ["grade", "lab01", str(submissions), "--output", str(tmp_path / "out")])
    finally:
        sandbox.support.cache_clear()
    assert done.exit_code == 1
    assert done.output.splitlines()[-1] == "Next: eventlab setup"
    assert "Traceback" not in done.output


def test_a_record_that_cannot_be_written_ends_the_grading_with_the_reason(
    tmp_path: Path, submissions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = tiny_lab.make(tmp_path / "lab")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "records").touch()  # no folder can be created
    replace_workers(monkeypatch, WORKER, "{}", str(tmp_path))
    with pytest.raises(grade_module.GradingError, match="The record of 'ada' could not be written"):
        grade(lab, submissions, tmp_path / "out")


def test_a_log_that_is_a_link_or_in_a_folder_that_is_one_is_not_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a submission runs in Spark's sandbox can write to Spark's folder."""
    replace_workers(monkeypatch, "pass")
    secret, run = tmp_path / "secret", tmp_path / "run"
    for folder in (secret, run / "spark" / "logs", run / "logs"):
        folder.mkdir(parents=True)
    (secret / "key.log").write_text("the instructor's")
    (run / "spark" / "logs" / "spark.log").write_text("started")
    (run / "spark" / "logs" / "link.log").symlink_to(secret / "key.log")
    (run / "spark" / "logs" / "loop.log").symlink_to("loop.log")
    (run / "logs" / "loop").symlink_to("loop")
    (run / "data").mkdir()
    (run / "data" / "logs").symlink_to(secret)
    os.mkfifo(run / "spark" / "logs" / "pipe.log")
    worker = WorkerProcess(tiny_lab.make(tmp_path / "tiny"), 0, run, Limits())
    try:
        worker.copy_logs(tmp_path / "copies")
    finally:
        worker.close()
    assert sorted(path.name for path in (tmp_path / "copies").iterdir()) == ["spark-logs-spark.log", "worker.log"]


def test_a_log_that_has_just_become_a_link_or_a_pipe_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("started")
    (tmp_path / "link").symlink_to(tmp_path / "log")
    os.mkfifo(tmp_path / "pipe")
    assert worker_process._tail(tmp_path / "log") == b"started"
    for name in ("link", "pipe"):
        with pytest.raises(OSError, match=r"symbolic|seek"):
            worker_process._tail(tmp_path / name)


def test_without_a_sandbox_there_is_one_worker_whatever_the_machine_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without network namespaces, a submission could reach another worker's services."""
    monkeypatch.setattr(scheduler_module, "cores", lambda: 8.0)
    monkeypatch.setattr(scheduler_module, "MEMORY_PER_WORKER", 1)
    for bubblewrap, size in ((True, 8), (False, 1)):
        support = sandbox.SandboxSupport(bubblewrap, root=False)
        monkeypatch.setattr(sandbox, "support", lambda support=support: support)
        assert scheduler_module.default_size(96) == size


def test_each_grading_has_users_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    slots = set()
    for pid in (1000, 1001):
        monkeypatch.setattr(os, "getpid", lambda pid=pid: pid)
        slots |= {worker_process.slot(number) for number in range(4)}
    assert len(slots) == 8
    assert max(sandbox.uids(max(slots), True)) < 65_000
