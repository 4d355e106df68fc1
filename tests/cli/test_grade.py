"""`eventlab grade`: clear errors, progress, reports, and a run that can be stopped and continued."""

import csv
import io
import subprocess
from pathlib import Path
from typing import Any

import nbformat
import pytest
from click.testing import CliRunner
from rich.console import Console

from eventlab.cli.app import main
from eventlab.cli.grading_progress import show_grading
from eventlab.grading import grade as grade_module
from eventlab.grading import submitted_files
from eventlab.grading.collect import SubmissionsError
from eventlab.grading.jobs import Limits
from eventlab.grading.named_sources import collected
from eventlab.grading.results import Question, SubmissionRecord
from eventlab.labs.catalogue import find
from tests.grading.worker_programs import replace_workers


def run(*arguments):
    """Run a command in this process."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def record(student, status="graded", points=1.0):
    return SubmissionRecord(student, "lab01_events", status, points, 2, (Question("q1", points, 2),), seconds=1)


@pytest.fixture
def submissions(tmp_path):
    folder = tmp_path / "submissions"
    folder.mkdir()
    (folder / "ada.ipynb").write_text("{}")
    return folder


@pytest.fixture
def graded(monkeypatch):
    """Replace the grading, which returns records of Ada and Ben; return the arguments that it received."""
    received: dict[str, Any] = {}

    def grade(lab, submissions, output, **options):
        received.update(
            options, lab=lab, submissions=sorted(p.name for p in Path(submissions).iterdir()), output=output
        )
        records = [record("ada"), record("=ben", "died", 0)]
        for done, graded in enumerate(records, start=1):
            options["progress"](done, len(records), graded)
        return records

    monkeypatch.setattr(grade_module, "grade", grade)
    return received


def test_an_unknown_lab_is_refused_with_the_names_of_all_labs(submissions):
    done = run("grade", "lab77", submissions)

    assert done.exit_code == 1
    assert "there is no lab 'lab77'" in done.output
    assert "lab01_events" in done.output


def test_a_missing_path_is_named(tmp_path):
    done = run("grade", "lab01", tmp_path / "nowhere")

    assert done.exit_code == 2
    assert "nowhere' does not exist" in done.output


def test_an_empty_folder_holds_no_submission(tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()

    done = run("grade", "lab01", empty, "--output", tmp_path / "out")

    assert done.exit_code == 1
    assert "holds no submission" in done.output
    assert "<student>.ipynb" in done.output


@pytest.mark.parametrize(
    "option", [("--workers", 0), ("--cell-timeout", 0), ("--memory", 1), ("--workers", "many")]
)
def test_an_impossible_limit_is_refused(submissions, option):
    assert run("grade", "lab01", submissions, *option).exit_code == 2


def test_the_limits_reach_the_grading(submissions, graded, tmp_path):
    options = ("--workers", 3, "--cell-timeout", 7, "--memory", 512, "--time-limit", 90, "--force")
    done = run("grade", "lab01", submissions, *options, "--output", tmp_path / "out")

    assert done.exit_code == 0, done.output
    assert (graded["workers"], graded["limits"], graded["force"]) == (3, Limits(7, 512, 90), True)
    assert graded["lab"].name == "lab01_events"
    assert graded["output"] == tmp_path / "out"


def test_reports_are_written_and_their_path_is_printed(submissions, graded, tmp_path):
    done = run("grade", "lab01", submissions, "--output", tmp_path / "out")

    assert (tmp_path / "out" / "report.html").exists()
    assert str(tmp_path / "out" / "report.html") in done.stdout
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out" / "grades.csv").read_text())))
    assert [(row["student"], row["status"]) for row in rows] == [("ada", "graded"), ("'=ben", "died")]


def test_the_result_of_each_submission_is_printed_during_grading(submissions, graded, tmp_path):
    done = run("grade", "lab01", submissions, "--output", tmp_path / "out")

    assert "1/2" in done.stderr
    assert "2/2" in done.stderr
    assert "died" in done.stderr
    assert "q1 0/2" in done.stderr


def test_several_paths_are_graded_together(submissions, graded, tmp_path):
    other = tmp_path / "ben"
    other.mkdir()
    (other / "lab.ipynb").write_text("{}")

    assert run("grade", "lab01", submissions / "ada.ipynb", other, "--output", tmp_path / "out").exit_code == 0

    assert graded["submissions"] == ["ada.ipynb", "ben"]


def test_two_submissions_with_the_same_name_are_refused(submissions, tmp_path):
    (tmp_path / "ada.ipynb").write_text("{}")

    with (
        pytest.raises(SubmissionsError, match=r"two submissions are called ada\.ipynb"),
        collected([submissions / "ada.ipynb", tmp_path / "ada.ipynb"]),
    ):
        pass


@pytest.mark.programs
def test_folders_are_copied_whole_and_those_that_are_too_deep_for_recursion_too(tmp_path):
    for name in ("ada/data", "ben", "eve"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "ada/data/players.csv").write_text("ada")
    (tmp_path / "ada/link").symlink_to(tmp_path)
    deep = "/".join("d" * 1100)
    subprocess.run(["mkdir", "-p", tmp_path / "eve" / deep], check=True)
    (tmp_path / "eve" / deep / "lab.ipynb").write_text("{}")

    with collected([tmp_path / "ada", tmp_path / "ben", tmp_path / "eve"]) as folder:
        copies = {str(path.relative_to(folder)) for path in submitted_files.walk(folder)}
        students = {path.name for path in folder.iterdir()}

    subprocess.run(["rm", "-r", tmp_path / "eve"], check=True)  # pytest cannot delete it
    assert copies == {"ada/data/players.csv", f"eve/{deep}/lab.ipynb"}
    assert students == {"ada", "ben", "eve"}
    assert not folder.exists()


def test_the_progress_bar_shows_counts_time_left_and_results():
    output = io.StringIO()
    screen = Console(file=output, force_terminal=True, width=140)

    with show_grading(screen) as progress:
        progress(1, 12, record("ada"))
        progress(2, 12, record("[red]ben", "timed_out"))

    shown = output.getvalue()
    for expected_text in ("2/12", "1 graded, 1 timed_out", "left:", "ada", "[red]ben"):
        assert expected_text in shown


def test_without_a_terminal_the_first_line_says_how_long_the_first_result_takes():
    output = io.StringIO()

    with show_grading(Console(file=output, width=140)) as progress:
        progress(0, 12, None)
        progress(1, 12, record("ada"))

    first, second = output.getvalue().splitlines()
    assert "when services must start, it takes about half a minute" in first
    assert "1/12  ada" in second


def test_ctrl_c_prints_how_to_continue(submissions, monkeypatch, tmp_path):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(grade_module, "grade", interrupted)
    done = run("grade", "lab01", submissions, "--output", tmp_path / "out")

    assert done.exit_code == 130
    assert "run the same command again to continue" in done.output
    assert not (tmp_path / "out" / "grades.csv").exists()


def test_help_explains_output_and_options():
    text = run("grade", "--help").output

    for expected_text in (
        "eventlab grade lab01 submissions/",
        "grades.csv",
        "Ctrl-C",
        "--cell-timeout",
        "the same command continues",
    ):
        assert expected_text in " ".join(text.split())
    assert "verify" in run("labs", "--help").output
    assert "grade" in run("--help").output


NUMBERS = """
from eventlab.labs.checks import check, expect

def prepare(namespace, seed):
    pass

@check("q1", points=2, hint="add the two")
def the_sum(evidence):
    return expect(expected=3, got=evidence.answer("q1"))
"""
WRONG = """
from eventlab.labs.checks import Mutant

MUTANTS = (
    Mutant("off by one", "q1", "1 + 2", "1 + 3"),
    Mutant("the operands exchanged", "q1", "1 + 2", "2 + 1"),
)
"""


WORKER = """
import json, pathlib, sys
print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    job = json.loads(line)
    source = pathlib.Path(job["notebook"]).read_text()
    points = 2 if "1 + 2" in source or "2 + 1" in source else 0
    check = {"name": "the sum", "question": "q1", "passed": bool(points), "points": points, "max_points": 2}
    question = {"id": "q1", "points": points, "max_points": 2, "checks": [check]}
    record = {"student": job["student"], "lab": "lab99_numbers", "status": "graded", "points": points}
    record |= {"max_points": 2, "questions": [question]}
    print(json.dumps({"kind": "graded", "record": record, "notebook": None, "reason": ""}), flush=True)
"""


@pytest.mark.programs
def test_verify_prints_the_share_caught_and_fails_below_all(tmp_path, monkeypatch):
    """The README's `labs verify` verifies a lab on real services (grading/test_readme.py)."""
    lab = tmp_path / "lab99_numbers"
    lab.mkdir()
    (lab / "checks.py").write_text(NUMBERS)
    (lab / "proof.py").write_text(WRONG)
    node = nbformat.read(find("lab03").instructor, as_version=4)
    shared = [
        cell
        for cell in node.cells
        if not str(cell.metadata.get("nbgrader", {}).get("grade_id", "q")).startswith("q")
    ]
    first = next(cell for cell in node.cells if "parameters" in cell.metadata.get("tags", []))
    opened = next(cell for cell in shared if "open_lab" in cell.source)
    opened.source = opened.source.replace("lab03_sql", lab.name)
    named = {cell.metadata.get("nbgrader", {}).get("grade_id"): cell for cell in node.cells}
    solution, check = named["q1"], named["q1-check"]
    solution.source = 'lab.answer("q1", 1 + 2)'
    nbformat.write(nbformat.v4.new_notebook(cells=[first, opened, solution, check]), lab / "instructor.ipynb")

    replace_workers(monkeypatch, WORKER)
    done = run("labs", "verify", lab, "--runs", "1", "--workers", "1")

    assert done.exit_code == 1, done.output
    assert "lab99_numbers: 1 of 2 wrong solutions lose marks (50%)" in done.stdout
    assert "wrong, but kept full marks in 1 of 1 runs: q1 the operands exchanged" in done.stdout
    assert "caught in 1 of 1 runs: q1 off by one" in done.stdout
    assert "mistakes.py" not in done.stdout, "a lab need not have one"
