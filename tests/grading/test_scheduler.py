"""Jobs are given to workers, and tried again when a worker fails; the workers here are small programs."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from eventlab.cli.app import main
from eventlab.grading import grade as grade_module
from eventlab.grading import results
from eventlab.grading.environment import sandbox
from eventlab.grading.grade import grade
from eventlab.grading.jobs import Outcome
from eventlab.grading.results import SubmissionRecord
from eventlab.grading.worker_process import WorkerProcess
from tests.grading import tiny_lab
from tests.grading.worker_programs import WORKER, outcomes, replace_workers


@pytest.mark.programs
def test_a_job_whose_worker_ends_once_is_graded_by_a_fresh_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace_workers(monkeypatch, WORKER, json.dumps({"ada": 1}), str(tmp_path))
    found = outcomes(tmp_path, "ada", "ben")
    assert [outcome.kind for outcome in found.values()] == ["graded", "graded"]
    assert "ada loses its worker" in (tmp_path / "logs" / "ada" / "attempt-1" / "worker.log").read_text()
    assert not (tmp_path / "logs" / "ada" / "attempt-2").exists()
    assert not (tmp_path / "logs" / "ben").exists()


@pytest.mark.programs
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


@pytest.mark.programs
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


@pytest.mark.programs
def test_with_fresh_each_job_has_a_worker_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = WORKER.replace('"points": 8', '"points": __import__("os").getpid()')
    replace_workers(monkeypatch, program, "{}", str(tmp_path))
    processes = process_ids(outcomes(tmp_path, "ada", "ben", fresh=True))
    assert len(processes) == 2
    (tmp_path / "again").mkdir()
    processes = process_ids(outcomes(tmp_path / "again", "ada", "ben"))
    assert len(processes) == 1


@pytest.mark.programs
@pytest.mark.parametrize(
    ("students", "workers", "fresh", "warms_up"),
    [(1, 1, False, False), (2, 2, False, False), (3, 2, False, True), (3, 2, True, False)],
)
def test_spark_is_warmed_up_where_a_worker_grades_more_than_one_submission(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, students: int, workers: int, fresh: bool, warms_up: bool
) -> None:
    told = []

    def command(options: dict[str, object]) -> list[str]:
        told.append(options["warms_up"])
        return [sys.executable, "-c", WORKER, "{}", str(tmp_path)]

    monkeypatch.setattr(WorkerProcess, "command", staticmethod(command))
    outcomes(tmp_path, *"abc"[:students], workers=workers, fresh=fresh)
    assert {*told} == {warms_up}


@pytest.mark.programs
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


@pytest.mark.programs
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


@pytest.mark.programs
def test_an_error_of_the_grader_itself_costs_no_other_mark_and_the_next_run_goes_on(
    tmp_path: Path, submissions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab, output = tiny_lab.make(tmp_path / "tiny"), tmp_path / "out"
    (tmp_path / "counts").mkdir()
    replace_workers(monkeypatch, WORKER, "{}", str(tmp_path / "counts"))
    monkeypatch.setattr(grade_module, "require_sandbox", lambda no_sandbox: None)
    command = ["grade", str(lab.folder), str(submissions), "--output", str(output), "--workers", "1", "--fresh"]
    starts = {1: WorkerProcess.command({})}
    with monkeypatch.context() as broken:  # the second worker raises a KeyError
        broken.setattr(WorkerProcess, "command", staticmethod(lambda options: starts.pop(1)))
        done = CliRunner().invoke(main, command)
    assert done.exit_code == 1
    assert "1 of 2 submissions have no mark, because the grading machine failed: ben" in done.output
    assert "the grader itself failed: KeyError: 1" in (output / "report.html").read_text()
    assert [line.split(",")[2] for line in (output / "grades.csv").read_text().splitlines()[1:]] == [
        "graded",
        "infrastructure_failed",
    ]

    again = CliRunner().invoke(main, command)
    assert again.exit_code == 0, again.output
    assert "no mark" not in (output / "report.html").read_text()


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


@pytest.mark.programs
def test_a_record_that_cannot_be_written_ends_the_grading_with_the_reason(
    tmp_path: Path, submissions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = tiny_lab.make(tmp_path / "lab")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "records").touch()  # no folder can be created
    replace_workers(monkeypatch, WORKER, "{}", str(tmp_path))
    with pytest.raises(grade_module.GradingError, match="The record of 'ada' could not be written"):
        grade(lab, submissions, tmp_path / "out")
