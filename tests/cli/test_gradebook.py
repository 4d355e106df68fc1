"""`eventlab gradebook`: what it prints and writes, and clear errors."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from eventlab.cli.app import main
from eventlab.settings import ROOT
from tests.grading import platform_exports as platforms
from tests.grading.gradebook_examples import LAB, graded, rows

DUE = "lab,due,points_per_day\nlab01,2026-11-02 23:59,1.5\n"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["gradebook", *map(str, arguments)])


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which lab 1 was graded, with the worksheet of Moodle and the deadlines."""
    monkeypatch.chdir(tmp_path)
    graded(tmp_path / "build" / "grades" / LAB, platforms.MOODLE)
    (tmp_path / "worksheet.csv").write_text(platforms.MOODLE_WORKSHEET)
    (tmp_path / "deadlines.csv").write_text(DUE)
    return tmp_path


def test_the_class_the_files_and_what_to_decide_are_printed(course: Path) -> None:
    done = run("lab01", "--deadlines", "deadlines.csv")

    assert done.exit_code == 0, done.output
    assert "lab01_events  3          0              0     8 / 10" in done.output
    assert "Decide: lab01_events: without a time, so in time; name Moodle's worksheet" in done.output
    assert "Note: lab01_events: the maximum grade of the assignment in Moodle must be 10" in done.output
    written = [line.strip() for line in done.output.partition("Written:\n")[2].splitlines()]
    assert written == [
        f"build/gradebook/{name}"
        for name in (
            *("gradebook.html", "gradebook.csv", "marks.csv"),
            *(f"moodle/{LAB}_grades.csv", f"moodle/{LAB}_feedback.zip"),
        )
    ]
    assert all((course / name).is_file() for name in written)


@pytest.mark.parametrize("worksheet", ["worksheet.csv", "lab01=worksheet.csv", f"{LAB}=worksheet.csv"])
def test_moodles_worksheet_makes_ben_late(course: Path, worksheet: str) -> None:
    done = run(f"build/grades/{LAB}", "--deadlines", "deadlines.csv", "--moodle", worksheet, "--output", "out")

    assert done.exit_code == 0, done.output
    marks = {row["student"]: row["mark"] for row in rows(course / "out" / "marks.csv")}
    assert marks == {"Ada Lovelace": "8", "Ben Bitdiddle": "6.5", "Eve": "8", "Kim Absent": ""}
    assert "Decide" not in done.output


def test_the_grades_in_another_folder_have_the_lab_s_name_in_all_options(course: Path) -> None:
    (course / "build" / "grades" / LAB).rename(course / "strict")
    done = run("strict", "--deadlines", "deadlines.csv", "--moodle", "lab01=worksheet.csv")

    assert done.exit_code == 0, done.output
    assert "lab01_events  3          1              1" in done.output


def test_two_labs_are_two_columns_and_each_worksheet_needs_its_lab(course: Path) -> None:
    graded(course / "build" / "grades" / "lab02_extract", platforms.MOODLE, "lab02_extract")
    done = run("lab01", "lab02", "--moodle", "worksheet.csv")
    assert done.exit_code == 1
    assert "--moodle worksheet.csv: for which lab? Write --moodle lab01=worksheet.csv" in done.output

    assert run("lab01", "lab02", "--moodle", "lab02=worksheet.csv").exit_code == 0
    [ada, *_] = rows(course / "build" / "gradebook" / "gradebook.csv")
    assert (ada[LAB], ada["lab02_extract"], ada["total"]) == ("8", "8", "16")


def test_lab1_is_not_the_beginning_of_lab10(course: Path) -> None:
    for name in ("lab1_first", "lab10_last"):
        graded(course / "build" / "grades" / name, platforms.MOODLE, name)

    assert run("lab1_first", "lab10_last", "--moodle", "lab1=worksheet.csv").exit_code == 0
    assert "for which lab?" in run("lab10_last", "--moodle", "lab1=worksheet.csv").output


README = (ROOT / "labs" / "README.md").read_text().split("\n## Gradebook\n")[1].split("\n## ")[0]
WITH_TABLES = re.findall(r"^eventlab gradebook (.* --(\w+) .*)$", README, re.MULTILINE)
EXPORTS = {"moodle": platforms.MOODLE, "canvas": platforms.CANVAS, "blackboard": platforms.BLACKBOARD}


@pytest.mark.parametrize(("arguments", "platform"), [one for one in WITH_TABLES if one[1] in EXPORTS])
def test_the_commands_of_the_readme_fill_in_the_tables_of_a_platform_for_two_labs(
    arguments: str, platform: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for lab in (LAB, "lab02_extract"):
        graded(tmp_path / "build" / "grades" / lab, EXPORTS[platform], lab)
    for name in ("worksheet1.csv", "worksheet2.csv"):
        (tmp_path / name).write_text(platforms.MOODLE_WORKSHEET)
    (tmp_path / "2026-11-05_Grades-Course.csv").write_text(platforms.CANVAS_GRADEBOOK)
    (tmp_path / "gc_Course_fullgc_2026-11-05.xls").write_text(platforms.BLACKBOARD_GRADE_CENTER, encoding="utf-16")

    done = run(*arguments.split())

    assert done.exit_code == 0, done.output
    assert f"build/gradebook/{platform}/" in done.output
    assert {row["total"] for row in rows(tmp_path / "build" / "gradebook" / "gradebook.csv")} >= {"16"}


def test_the_readme_has_a_command_for_each_platform() -> None:
    assert {platform for _, platform in WITH_TABLES} >= EXPORTS.keys()


def test_a_lab_that_was_not_graded_names_the_command_that_grades_it(course: Path) -> None:
    done = run("lab03")
    assert done.exit_code == 1
    assert "lab03 has not been graded" in done.output
    assert "Next: eventlab grade lab03 submissions/" in done.output
    assert "there is no lab 'lab77'" in run("lab77").output


def test_a_wrong_file_is_refused_with_its_lines_and_nothing_is_written(course: Path) -> None:
    (course / "deadlines.csv").write_text("lab,due\nlab01,tomorrow\n")
    done = run("lab01", "--deadlines", "deadlines.csv")
    assert done.exit_code == 1
    assert "line 2: due is 'tomorrow', not a time such as 2026-11-02 23:59" in done.output
    assert not (course / "build" / "gradebook").exists()


def test_a_worksheet_that_does_not_exist_is_named(course: Path) -> None:
    done = run("lab01", "--moodle", "worksheet1.csv")
    assert done.exit_code == 1
    assert "worksheet1.csv cannot be read: [Errno 2] No such file or directory" in done.output


@pytest.mark.parametrize(("argument", "example"), [("lab01=", "lab01=worksheet.csv"), ("", "lab02=worksheet.csv")])
def test_a_worksheet_without_a_name_is_no_folder_that_cannot_be_read(
    course: Path, argument: str, example: str
) -> None:
    graded(course / "build" / "grades" / "lab02_extract", platforms.MOODLE, "lab02_extract")
    done = run("lab02", "--moodle", argument)
    assert done.exit_code == 1
    assert f"names no file. Write --moodle {example}" in done.output


def test_help_lists_the_columns_of_the_files_line_by_line() -> None:
    text = run("--help").output
    assert "\n    student, name, email, section, canvas_id" in text
    assert "\n    lab, student, title, due, grace_hours" in text
    assert "\n    eventlab gradebook lab01\n" in text
