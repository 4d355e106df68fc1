"""A gradebook with people of one name, and with answers that nobody has marked yet."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from eventlab.grading import results
from eventlab.grading.results import Question, RubricLine
from tests.grading import platform_exports as platforms
from tests.grading.gradebook_examples import LAB, Course
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


def test_who_handed_in_and_is_not_in_the_platforms_table_is_named(course: Course) -> None:
    course.grade(platforms.CANVAS | {"strangerzed_2077_90009_lab01_events.ipynb": NOTEBOOK})
    [problem] = course.make(canvas=platforms.CANVAS_GRADEBOOK).problems
    assert problem.endswith(
        "canvas.csv: no line for these people, so their marks are not in the file to upload: strangerzed"
    )


def test_who_handed_in_and_is_not_in_moodles_worksheet_is_named(course: Course) -> None:
    export = platforms.MOODLE | {"Zed Stranger_199_assignsubmission_file/lab01_events.ipynb": NOTEBOOK}
    course.grade(export, moodle=platforms.MOODLE_WORKSHEET)
    [problem] = course.make().problems
    assert problem.endswith(
        "moodle.csv: no line for these people, so their marks are not in the file to upload: Zed Stranger"
    )
