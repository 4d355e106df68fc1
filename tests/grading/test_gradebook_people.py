"""A gradebook with people of one name, and with answers that nobody has marked yet."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from eventlab.grading import results
from eventlab.grading.gradebook import moodle
from eventlab.grading.results import Question, RubricLine
from tests.grading import platform_exports as platforms
from tests.grading.gradebook_examples import LAB, Course, rows
from tests.grading.platform_exports import NOTEBOOK


@pytest.fixture
def course(tmp_path: Path) -> Course:
    return Course(tmp_path)


def test_two_people_of_the_roster_with_one_name_are_not_called_strangers(course: Course) -> None:
    course.grade({f"Ada Lovelace_{n}_assignsubmission_file/lab01_events.ipynb": NOTEBOOK for n in (101, 102)})
    book = course.make(roster="student,name\nada,Ada Lovelace\nada2,Ada Lovelace\n")

    assert book.problems == [
        f"{LAB}: without a mark in the gradebook, because several people of the roster have this name; the "
        "platform's table (--moodle, --canvas, --blackboard) tells them apart: "
        "Ada Lovelace (101), Ada Lovelace (102)"
    ]


def test_the_students_comment_says_what_is_not_marked_yet(course: Course) -> None:
    course.grade({"ada.ipynb": NOTEBOOK})
    record = results.load("ada", course.labs[0][0])
    assert record is not None
    text = Question("q2", None, 4.0, rubric=(RubricLine(4.0, "says why"),), answer="Because.")
    results.save(replace(record, max_points=14, questions=(*record.questions, text)), course.labs[0][0])
    book = course.make()

    assert [mark.summary for mark in book.marks.values()] == ["8 of 14 points so far: q2 not marked yet."]
    assert moodle.summaries(14).fullmatch(
        "8 of 14 points so far: q2 not marked yet."
    )  # replaced in the next worksheet


def test_people_of_one_name_have_an_id_in_the_tables(course: Course) -> None:
    files = {f"Ada Lovelace_{n}_assignsubmission_file/lab01_events.ipynb": NOTEBOOK for n in (101, 102)}
    worksheet = platforms.MOODLE_WORKSHEET.replace("Ben Bitdiddle", "Ada Lovelace")
    course.grade(files, moodle=worksheet)
    course.make()
    course.write()

    labels = {row["student"] for row in rows(course.folder / "out" / "marks.csv")}
    page = (course.folder / "out" / "gradebook.html").read_text()
    for address in ("ada@example.org", "ben@example.org"):
        assert any(address in label for label in labels)
        assert f"({address})" in page


def test_a_line_about_one_of_two_students_with_one_name_needs_an_id(course: Course) -> None:
    course.grade({f"leekim_{n}_9000{n}_lab01_events.ipynb": NOTEBOOK for n in (1, 2)})
    export = platforms.CANVAS_GRADEBOOK.splitlines(keepends=True)[:2] + [
        f'"Lee, Kim",{n},,,A,,,\n' for n in (1, 2)
    ]
    due = "lab,student,due,points_per_day,submitted\nlab01,,2026-11-02,1,\nlab01,{},,,2026-11-04\n"
    by_name = course.make(canvas="".join(export), due=due.format("Kim Lee")).problems
    by_id = course.make(canvas="".join(export), due=due.format("2")).problems
    course.write()

    assert any("line 3: there is no student 'Kim Lee', or more than one: write an id" in one for one in by_name)
    assert not any("line 3" in one for one in by_id)
    marks = {row["student"]: row["mark"] for row in rows(course.folder / "out" / "marks.csv")}
    assert marks == {"Kim Lee (1)": "8", "Kim Lee (2)": "6"}


def test_who_is_not_in_the_grade_center_is_named(course: Course) -> None:
    course.grade(platforms.BLACKBOARD)
    course.make(blackboard=platforms.BLACKBOARD_GRADE_CENTER.replace('"ada"', '"ada2"').replace("Ada", "Zoe"))

    assert any("gc.xls has no line of Ada Lovelace: their grades are not" in note for note in course.write().notes)
