"""How many workers start and when, and what happens when a start fails; the workers here are small programs."""

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

from eventlab.grading import scheduler as scheduler_module
from eventlab.grading import worker_process
from eventlab.grading.environment import sandbox
from eventlab.grading.environment.services import reason
from eventlab.grading.jobs import Job, Limits
from eventlab.grading.scheduler import Scheduler
from eventlab.grading.worker_process import WorkerProcess
from tests.grading import tiny_lab
from tests.grading.worker_programs import WORKER, outcomes, replace_workers
from tests.helpers import Stopwatch

START_ERROR = """kafka died while starting. The end of its log, /tmp/egx/data/logs/kafka.log:
OpenJDK 64-Bit Server VM warning: something
Error occurred during initialization of VM
Could not reserve enough space for 1048576KB object heap
All of it: eventlab logs kafka"""
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
for number, line in enumerate(sys.stdin):
    end = time.monotonic() + (60 if number else 0.3)
    while time.monotonic() < end and log.read_text().split().count("started") < int(sys.argv[3]):
        time.sleep(0.01)
    student = json.loads(line)["student"]
    record = {"student": student, "lab": "tiny", "status": "graded", "points": 8, "max_points": 8}
    print(json.dumps({"kind": "graded", "record": record, "notebook": None, "reason": ""}), flush=True)
"""


def test_a_services_reason_is_one_line_of_what_happened_and_why() -> None:
    assert reason(START_ERROR) == "kafka died while starting (Error occurred during initialization of VM)"
    assert reason("No fitting Java 17 to 25: there is none") == "No fitting Java 17 to 25: there is none"


@pytest.mark.programs
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
    assert (tmp_path / "logs" / "_worker-0" / "start-2" / "worker.log").exists()


@pytest.mark.programs
@pytest.mark.parametrize("student", ["worker-0", "_worker-0"])
def test_logs_of_a_start_stay_also_when_a_student_is_called_like_the_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, student: str
) -> None:
    fails_once = f"""
from pathlib import Path
if not Path({str(tmp_path / "started")!r}).exists():
    Path({str(tmp_path / "started")!r}).touch()
    print('{{"failed": "no room"}}')
    raise SystemExit(1)
"""
    replace_workers(monkeypatch, fails_once + WORKER, "{}", str(tmp_path))
    assert outcomes(tmp_path, student)[student].kind == "graded"
    assert len([*tmp_path.glob("logs/*/start-1/worker.log")]) == 1


@pytest.mark.programs
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


@pytest.mark.programs
def test_a_worker_that_ends_while_it_starts_is_reported_with_the_last_line_of_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace_workers(monkeypatch, "raise ImportError('no module named zmq')")
    (outcome,) = outcomes(tmp_path, "ada").values()
    assert "ImportError: no module named zmq. Look for" in outcome.reason
    assert "Traceback" not in outcome.reason


@pytest.mark.programs
def test_on_two_cores_one_worker_starts_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler_module, "cores", lambda: 2.0)
    replace_workers(monkeypatch, STARTS, str(tmp_path / "log"), "0.5", "2")
    assert len(outcomes(tmp_path, "ada", "ben", "cyd", workers=2)) == 3
    assert (tmp_path / "log").read_text().split() == ["starts", "started"] * 2


@pytest.mark.programs
def test_a_start_that_hangs_stops_no_other_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler_module, "cores", lambda: 2.0)
    monkeypatch.setattr(scheduler_module, "MAX_WAIT_FOR_STARTS_S", 0.2)
    replace_workers(monkeypatch, STARTS, str(tmp_path / "log"), "60", "1")
    jobs = [Job(student, None, None, "", "", 1) for student in ("ada", "ben")]
    with Scheduler(tiny_lab.make(tmp_path / "tiny"), tmp_path / "logs", Limits(), 2) as scheduler:
        found = list(islice(scheduler.outcomes(jobs), len(jobs)))
    assert [outcome.kind for _, outcome in found] == ["graded"] * 2
    assert (tmp_path / "log").read_text().split()[:3] == ["starts", "starts", "started"]


@pytest.mark.programs
def test_a_start_that_hangs_ends_after_its_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_process, "MAX_START_S", 3)
    replace_workers(monkeypatch, STARTS, str(tmp_path / "log"), "600", "1")
    assert outcomes(tmp_path, "ada")["ada"].kind == "graded"
    assert (tmp_path / "log").read_text().split().count("starts") == 2


@pytest.mark.programs
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


@pytest.mark.programs
def test_a_worker_that_could_not_start_and_does_not_end_is_not_waited_for_without_a_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_process, "MAX_END_S", 0.2)
    hangs = "import select, sys; select.select([sys.stdin], [], [], 60)"  # until its input is closed
    replace_workers(monkeypatch, f"print({json.dumps(json.dumps({'failed': 'no room'}))}, flush=True); {hangs}")
    taken = Stopwatch()
    assert "could not start its services: no room" in outcomes(tmp_path, "ada")["ada"].reason
    assert taken.seconds < 20


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
