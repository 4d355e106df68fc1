"""Real faults of the machine while a class is graded: nobody loses a mark, and nobody gets a zero for them.

The checks of the lab cause the faults: a student's notebook names those that happen, each in one attempt.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from eventlab.cli.app import main
from eventlab.grading import results
from eventlab.grading.environment import sandbox
from eventlab.grading.results import SubmissionRecord
from eventlab.grading.worker_process import WorkerProcess
from tests.grading import tiny_lab
from tests.skips import requires_tool

pytestmark = [
    pytest.mark.services,
    pytest.mark.timeout(600),
    requires_tool("bwrap", sandbox.support().reason),
]

FAULTS = """

import os, re, signal, sys
from pathlib import Path

import psutil

CONTROL = Path("CONTROL_FOLDER")


@check("q1", points=0, hint="")
def the_machine_works(evidence: Evidence) -> Verdict:
    for fault, student in re.findall(r"# fault: (\\w+) (\\w+)", evidence.sources.get("q1", "")):
        happened = CONTROL / f"{fault}-{student}"
        if not happened.exists():
            happened.touch()
            globals()[fault]()
            break
    return expect(expected=1, got=1)


def worker():
    os.kill(os.getppid(), signal.SIGKILL)
    signal.pause()  # ends with its worker


def broker():
    end("kafka.Kafka")


def namenode():
    end("NameNode")
    raise RuntimeError("no answer from HDFS")


def end(program):
    run = Path(os.environ["EVENTLAB_STATE_DIR"]).parent
    for process in psutil.process_iter(["cmdline"]):
        words = " ".join(process.info["cmdline"] or [])
        if f"{run}/data" in words and program in words:
            process.kill()
"""


@dataclass(frozen=True)
class Class:
    """The class after its grading."""

    result: Result
    records: dict[str, SubmissionRecord]
    output: Path


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Class:
    base = tmp_path_factory.mktemp("faults")
    lab, submissions, output = tiny_lab.make(base / "tiny"), base / "in", base / "out"
    checks = lab.folder / "checks.py"
    checks.write_text(checks.read_text() + FAULTS.replace("CONTROL_FOLDER", str(base)))
    submissions.mkdir()
    for student, faults in (("ada", ["worker"]), ("ben", []), ("zed", ["broker", "namenode"])):
        lines = [tiny_lab.SOLUTIONS["q1"], *(f"# fault: {fault} {student}" for fault in faults)]
        tiny_lab.write(submissions / f"{student}.ipynb", q1="\n".join(lines))
    limits = ["--workers", "1", "--cell-timeout", "12"]  # a cell that waits for a killed service ends then
    command = ["grade", str(lab.folder), str(submissions), "--output", str(output), *limits]
    result = CliRunner().invoke(main, command)
    return Class(result, {record.student: record for record in results.load_all(output)}, output)


@pytest.mark.parametrize("student", ["ada", "ben"])
def test_a_fault_that_happens_once_costs_nothing(graded: Class, student: str) -> None:
    assert (graded.records[student].status, graded.records[student].points) == ("graded", 8)


@pytest.mark.parametrize(
    ("attempt", "log", "reason"),
    [
        ("ada/attempt-1", "worker.log", ""),
        ("zed/attempt-1", "worker.log", "kafka has ended (signal 9)"),
        ("zed/attempt-1", "data-logs-kafka.log", ""),
        ("zed/attempt-1", "spark-logs-spark.log", ""),
        ("zed/attempt-2", "worker.log", "WorkerStackError"),
    ],
)
def test_the_logs_of_a_failed_attempt_are_kept(graded: Class, attempt: str, log: str, reason: str) -> None:
    assert reason in (graded.output / "logs" / attempt / log).read_text()


def test_a_graded_submission_leaves_no_logs(graded: Class) -> None:
    assert not (graded.output / "logs" / "ben").exists()


def test_a_fault_that_happens_twice_gives_no_mark_and_the_command_fails(graded: Class) -> None:
    assert (graded.records["zed"].status, graded.records["zed"].points) == ("infrastructure_failed", None)
    assert graded.result.exit_code == 1
    assert "1 of 3 submissions have no mark" in graded.result.output
    assert "zed" in (graded.output / "report.html").read_text().split("<h2>")[0]


def test_services_that_cannot_start_give_no_marks_and_their_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the worker's sandboxes the folder of Java's programs is empty."""
    program = (
        "import sys; from eventlab.grading.environment import sandbox; from eventlab.grading import worker; "
        "from eventlab.stack import java; programs = java.find().home.resolve() / 'bin'; "
        "sandbox._without_java_tools = lambda: ['--tmpfs', str(programs)]; worker.main(sys.argv[1])"
    )

    def command(options: dict[str, object]) -> list[str]:
        return sandbox.of_worker([sys.executable, "-c", program, json.dumps(options)])

    monkeypatch.setattr(WorkerProcess, "command", staticmethod(command))
    (tmp_path / "in").mkdir()
    tiny_lab.write(tmp_path / "in" / "ada.ipynb")
    lab = tiny_lab.make(tmp_path / "tiny")
    words = ["grade", str(lab.folder), str(tmp_path / "in"), "--output", str(tmp_path / "out")]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 1
    assert "A worker could not start its services" in done.output
    assert "Java" in done.output
    record = results.load("ada", tmp_path / "out")
    assert record is not None
    assert record.points is None
    assert (tmp_path / "out" / "logs" / "_worker-0" / "start-2" / "worker.log").exists()
