"""The audit grades some submissions again on fresh stacks and reports each difference."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from eventlab.cli.app import main
from eventlab.grading import grade as grade_module
from eventlab.grading.audit import summary
from eventlab.grading.results import CheckResult, Question, SubmissionRecord
from eventlab.grading.worker_process import WorkerProcess
from tests.grading import tiny_lab

WORKER = """
import json, os, sys
from pathlib import Path
print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    student = json.loads(line)["student"]
    with Path(sys.argv[1], student).open("a") as log:
        log.write(f"{os.getpid()}\\n")
    times = len(Path(sys.argv[1], student).read_text().splitlines())
    points = 8 if times == 1 else json.loads(sys.argv[2]).get(student, 8)
    record = {"student": student, "lab": "tiny", "status": "graded", "points": points, "max_points": 8}
    outcome = {"kind": "graded", "record": record, "notebook": None, "reason": "", "goes_on": points < 0}
    print(json.dumps(outcome), flush=True)
    if points < 0:
        os._exit(7)
"""
"""The points of a worker that ends before it has graded a submission are less than 0."""


@pytest.fixture
def audited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Grade three submissions and audit `count`; `again` are the points that differ the second time."""

    def run(count: int, again: dict[str, float]):
        (tmp_path / "in").mkdir()
        (tmp_path / "counts").mkdir()
        for student in ("ada", "ben", "cyd"):
            tiny_lab.write(tmp_path / "in" / f"{student}.ipynb")
        program = [sys.executable, "-c", WORKER, str(tmp_path / "counts"), json.dumps(again)]
        monkeypatch.setattr(WorkerProcess, "command", staticmethod(lambda options: program))
        monkeypatch.setattr(grade_module, "require_sandbox", lambda no_sandbox: None)
        lab = tiny_lab.make(tmp_path / "tiny")
        words = ["grade", str(lab.folder), str(tmp_path / "in"), "--output", str(tmp_path / "out")]
        return CliRunner().invoke(main, [*words, "--workers", "1", "--audit", str(count)])

    return run


def workers(tmp_path: Path) -> list[list[str]]:
    """The processes that graded each student, in order."""
    return [path.read_text().split() for path in sorted((tmp_path / "counts").iterdir())]


@pytest.mark.programs
def test_a_grading_that_is_repeated_alike_passes(audited, tmp_path: Path) -> None:
    done = audited(2, {})
    assert done.exit_code == 0, done.output
    again = [processes[1] for processes in workers(tmp_path) if len(processes) == 2]
    assert len(set(again)) == 2, "each on a worker of its own"
    assert "audit" not in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.programs
def test_a_difference_is_reported_and_fails_the_command(audited, tmp_path: Path) -> None:
    done = audited(3, {"ben": 6})
    assert done.exit_code == 1
    said = "ben: first graded, 8 points"
    assert said in done.output
    assert "on a fresh stack graded, 6 points" in " ".join(done.output.split())
    top = (tmp_path / "out" / "report.html").read_text().split("<h2>")[0]
    assert "The audit found 1 differences" in top
    assert said in top


def test_the_same_points_by_other_checks_are_a_difference() -> None:
    def record(*passed: bool) -> SubmissionRecord:
        checks = tuple(CheckResult(f"check {n}", "q1", ok, float(ok), 1) for n, ok in enumerate(passed))
        return SubmissionRecord("ada", "tiny", "graded", 1, 2, (Question("q1", 1, 2, "", checks),))

    assert summary(record(True, False)) == summary(record(True, False))
    assert summary(record(True, False)) != summary(record(False, True))


@pytest.mark.programs
def test_a_fault_of_the_machine_is_no_other_mark(audited, tmp_path: Path) -> None:
    """The worker has reported marks before it ends."""
    done = audited(3, {"ben": -1})
    assert done.exit_code == 1
    said = " ".join((tmp_path / "out" / "report.html").read_text().split("<h2>")[0].split())
    assert "ben: first graded, 8 points" in said
    assert "on a fresh stack not graded: the worker&#39;s process ended (exit code 7)" in said
