"""Each mark of a gradebook belongs to its student, whatever the names look like, and who is missing is named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.grading import platform_exports as platforms
from tests.grading.gradebook_examples import LAB, Course, graded, rows
from tests.grading.platform_exports import MOODLE_WORKSHEET, NOTEBOOK


@pytest.fixture
def course(tmp_path: Path) -> Course:
    return Course(tmp_path)


def test_two_students_of_one_name_stay_two_people(course: Course) -> None:
    files = {f"Ada Lovelace_{n}_assignsubmission_file/lab01_events.ipynb": NOTEBOOK for n in (101, 102)}
    worksheet = MOODLE_WORKSHEET.replace("Ben Bitdiddle", "Ada Lovelace")
    points: dict[str, float | None] = {"Ada Lovelace (101)": 3, "Ada Lovelace (102)": 9}
    course.labs.append((graded(course.folder / LAB, files, LAB, points), worksheet))
    course.make()
    course.write()

    found = {row["email"]: row[LAB] for row in rows(course.folder / "out" / "gradebook.csv")}
    assert (found["ada@example.org"], found["ben@example.org"]) == ("3", "9")

    course.labs = [(course.labs[0][0], "")]
    course.make()
    assert sorted(course.book.total(person) for person in course.book.people.members) == [3, 9]


def test_moodles_namesakes_without_an_address_are_two_people(course: Course) -> None:
    files = {f"Ada Lovelace_{n}_assignsubmission_file/lab01_events.ipynb": NOTEBOOK for n in (101, 102)}
    lines = MOODLE_WORKSHEET.replace("Ben Bitdiddle", "Ada Lovelace").splitlines(keepends=True)
    worksheet = "".join(re.sub(r'(\w+@[\w.]+|"Email address"),', "", line) for line in lines)
    points: dict[str, float | None] = {"Ada Lovelace (101)": 3, "Ada Lovelace (102)": 9}
    course.labs.append((graded(course.folder / LAB, files, LAB, points), worksheet))
    book = course.make()
    course.write()

    assert book.problems == []
    sheet = rows(course.folder / "out" / "moodle" / f"{LAB}_grades.csv")
    assert [row["Grade"] for row in sheet] == ["30.00", "90.00", "", ""]


@pytest.mark.parametrize("roster", ["", "student\njohn\njo-hn\ngroup_1_1\ngroup_11\n"])
def test_names_that_are_alike_without_their_signs_are_different_people(course: Course, roster: str) -> None:
    names = ["group_1_1", "group_11", "jo-hn", "john"]
    course.grade({f"{name}.ipynb": NOTEBOOK for name in names}, john=3, group_11=9)
    again = graded(course.folder / "again", {"group_1_1.ipynb": NOTEBOOK}, "lab02_extract")
    course.labs.insert(0, (again, ""))
    book = course.make(roster=roster)
    course.write()

    assert book.problems == []
    found = {row["student"]: row[LAB] for row in rows(course.folder / "out" / "gradebook.csv")}
    assert found == {"group_1_1": "8", "group_11": "8", "jo-hn": "8", "john": "3"}


def test_a_stranger_whose_name_is_alike_gets_no_line_of_another_student(course: Course) -> None:
    course.grade({"Ann Abelle.ipynb": NOTEBOOK, "Anna Belle.ipynb": NOTEBOOK}, Anna_Belle=3)
    book = course.make(roster="student,name\nab,Anna Belle\n")
    course.write()

    assert book.problems == [f"{LAB}: not in the roster, so without a line in the gradebook: Ann Abelle"]
    assert course.marks() == {"Anna Belle": ": 3"}


def test_a_worksheet_of_another_assignment_is_noticed(course: Course) -> None:
    course.grade(platforms.MOODLE, moodle=MOODLE_WORKSHEET.replace("Participant 1", "Participant 9"))
    course.make()
    [_, note] = course.write().notes
    assert "has no line of Ada Lovelace, Ben Bitdiddle, Eve: their grades are not in the file for Moodle" in note


def test_the_number_of_a_group_is_not_that_of_a_student_in_moodle(course: Course) -> None:
    course.grade({"Team Red_104_assignsubmission_file/lab01_events.ipynb": NOTEBOOK}, moodle=MOODLE_WORKSHEET)
    course.make(due="lab,due\nlab01,2026-11-01\n")
    notes = course.write().notes

    assert any("has no line of Team Red: their grades are not in the file for Moodle" in note for note in notes)
    sheet = rows(course.folder / "out" / "moodle" / f"{LAB}_grades.csv")
    assert [row["Grade"] for row in sheet] == ["", "", "", ""]
    assert course.marks()["Kim Absent"] == ": "
    assert course.marks()["Team Red"] == ": 8"


def test_members_of_a_group_have_their_marks_when_moodle_names_both(course: Course) -> None:
    """Moodle before 4.1 exports a folder per member, `GROUP-NAME_NUMBER`."""
    names = {101: "Ada Lovelace", 102: "Ben Bitdiddle"}
    course.grade(
        {f"Team Red-{name}_{n}_assignsubmission_file_/lab01_events.ipynb": NOTEBOOK for n, name in names.items()},
        moodle=MOODLE_WORKSHEET,
    )
    course.make()
    course.write()

    sheet = rows(course.folder / "out" / "moodle" / f"{LAB}_grades.csv")
    assert [row["Grade"] for row in sheet] == ["80.00", "80.00", "", ""]
    assert course.marks()["Ada Lovelace"] == ": 8"


@pytest.mark.parametrize("has_names", [False, True])
def test_with_blind_marking_the_numbers_in_moodle_are_enough(course: Course, has_names: bool) -> None:
    files = {f"Participant_{n}_assignsubmission_file/lab01_events.ipynb": NOTEBOOK for n in (101, 102)}
    lines = MOODLE_WORKSHEET.splitlines(keepends=True)
    blind = "".join(re.sub(r'"Full name","Email address",|("[\w ]+"|Eve),\w+@[\w.]+,', "", line) for line in lines)
    points: dict[str, float | None] = {"Participant (102)": 3}
    course.labs.append((graded(course.folder / LAB, files, LAB, points), MOODLE_WORKSHEET if has_names else blind))
    course.make()
    course.write()
    if has_names:
        assert course.marks() == {"Ada Lovelace": ": 8", "Ben Bitdiddle": ": 3", "Eve": ": ", "Kim Absent": ": "}

    sheet = rows(course.folder / "out" / "moodle" / f"{LAB}_grades.csv")
    assert [row["Grade"] for row in sheet] == ["80.00", "30.00", "", ""]


def test_a_comment_of_moodle_on_somebody_without_a_mark_stays_as_it_is(course: Course) -> None:
    comment = "- Come and see me;\n- or write."
    worksheet = MOODLE_WORKSHEET.replace('"No submission",,100.00,Yes,-,-,', f'No,,100.00,Yes,-,-,"{comment}"')
    course.grade(platforms.MOODLE, moodle=worksheet)
    course.make()
    course.write()
    assert rows(course.folder / "out" / "moodle" / f"{LAB}_grades.csv")[3]["Feedback comments"] == comment


def test_who_is_not_in_the_export_of_canvas_is_named(course: Course) -> None:
    course.grade(platforms.CANVAS | {"hopperg_2009_90009_lab01_events.ipynb": NOTEBOOK})
    course.make(canvas=platforms.CANVAS_GRADEBOOK)
    notes = course.write().notes
    assert any("has no line of hopperg: their grades are not in the file for Canvas" in note for note in notes)


def test_an_empty_line_in_the_export_of_canvas_is_left_out(course: Course) -> None:
    course.grade(platforms.CANVAS)
    course.make(canvas=platforms.CANVAS_GRADEBOOK.replace("Final Score\n", "Final Score\n\n"))
    course.write()
    assert "16" in (course.folder / "out" / "canvas" / "grades.csv").read_text()
