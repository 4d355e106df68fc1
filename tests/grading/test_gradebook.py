"""A gradebook: who is who on each platform, what being late costs, and the files that the platforms import."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from eventlab.grading.gradebook import book as books
from eventlab.grading.gradebook import deadlines
from eventlab.grading.gradebook.book import GradebookError
from eventlab.grading.gradebook.people import People
from tests.grading import platform_exports as platforms
from tests.grading.gradebook_examples import LAB, Course, rows, zip_files
from tests.grading.platform_exports import MOODLE_WORKSHEET, NOTEBOOK

DUE = "lab,due,grace_hours,points_per_day,maximum_deduction\nlab01,2026-11-02,1,1.5,4\n"


@pytest.fixture
def course(tmp_path: Path) -> Course:
    return Course(tmp_path)


def test_moodles_worksheet_gives_names_and_times_and_is_filled_in(course: Course) -> None:
    course.grade(platforms.MOODLE, moodle=MOODLE_WORKSHEET)
    course.make(due=DUE)
    written = course.write()

    assert course.marks() == {"Ada Lovelace": "0: 8", "Ben Bitdiddle": "1: 6.5", "Eve": "0: 8", "Kim Absent": ": "}
    sheet = rows(course.folder / "out" / "moodle" / f"{LAB}_grades.csv")
    assert {row["Identifier"]: row["Grade"] for row in sheet} == {
        "Participant 101": "80.00",
        "Participant 102": "65.00",
        "Participant 103": "80.00",
        "Participant 104": "",
    }
    assert list(sheet[0]) == list(rows(course.folder / "moodle.csv")[0])
    assert sheet[0]["Last modified (grade)"] == "-"
    assert sheet[1]["Feedback comments"] == (
        "6.5 of 10 points. The work earned 8 points; handed in 1 day late, which costs 1.5 points."
    )
    assert f"{LAB}: 10 points become 100 in Moodle, its maximum grade" in written.notes


@pytest.mark.parametrize(
    "comment",
    ["", "<p>Well written, Ada. Read 2 of 3 books.</p>", "- Come and see me;", "Question 2: 3 of 4 points. Why?"],
)
def test_a_comment_in_moodles_worksheet_stays_before_the_mark(course: Course, comment: str) -> None:
    uploaded = course.folder / "out" / "moodle" / f"{LAB}_grades.csv"
    worksheet = MOODLE_WORKSHEET.replace('2:00 PM",-,', f'2:00 PM",-,"{comment}"')
    for due in (DUE, "", DUE):
        shutil.rmtree(course.folder / LAB, ignore_errors=True)
        course.labs.clear()
        course.grade(platforms.MOODLE, moodle=worksheet)
        course.make(due=due)
        course.write()
        late = " The work earned 8 points; handed in 1 day late, which costs 1.5 points." if due else ""
        mark = f"{'6.5' if due else '8'} of 10 points.{late}"
        assert rows(uploaded)[1]["Feedback comments"] == f"{comment} {mark}".strip()
        worksheet = uploaded.read_text()  # as Moodle writes it again after the upload


def test_moodles_feedback_zip_has_a_folder_per_student_as_in_the_export(course: Course) -> None:
    course.grade(platforms.MOODLE, moodle=MOODLE_WORKSHEET)
    course.make(due=DUE)
    course.write()

    pages = zip_files(course.folder / "out" / "moodle" / f"{LAB}_feedback.zip")
    assert list(pages) == [
        f"{name}_assignsubmission_file/{LAB}.html" for name in ("Ada Lovelace_101", "Ben Bitdiddle_102", "Eve_103")
    ]
    assert (
        b"handed in 1 day late, which costs 1.5 points"
        in pages[f"Ben Bitdiddle_102_assignsubmission_file/{LAB}.html"]
    )


def test_without_a_worksheet_the_numbers_in_the_export_are_enough_for_moodle(course: Course) -> None:
    course.grade(platforms.MOODLE)
    course.make()
    written = course.write()

    sheet = rows(course.folder / "out" / "moodle" / f"{LAB}_grades.csv")
    assert {row["Identifier"]: row["Grade"] for row in sheet}["Participant 102"] == "8.00"
    assert f"{LAB}: the maximum grade of the assignment in Moodle must be 10" in written.notes


def test_a_student_is_one_person_in_two_assignments_of_moodle_with_other_numbers(course: Course) -> None:
    course.grade(platforms.MOODLE)
    course.grade({"Ada Lovelace_555_assignsubmission_file/lab02_extract.ipynb": NOTEBOOK}, lab="lab02_extract")
    course.make()
    course.write()

    ada, ben, _ = rows(course.folder / "out" / "gradebook.csv")
    assert (ada["name"], ada[LAB], ada["lab02_extract"], ada["total"], ada["max_points"]) == (
        "Ada Lovelace",
        "8",
        "8",
        "16",
        "20",
    )
    assert (ben["name"], ben["lab02_extract"], ben["total"]) == ("Ben Bitdiddle", "", "8")
    assert "Participant 555" in (course.folder / "out" / "moodle" / "lab02_extract_grades.csv").read_text()


def test_who_is_not_in_the_roster_is_named_and_who_handed_in_nothing_has_a_row(course: Course) -> None:
    course.grade({"ada.ipynb": NOTEBOOK, "stranger.ipynb": NOTEBOOK})
    book = course.make(roster="student;name\nada;Ada Lovelace\nzoe;Zoë\n")
    course.write()

    assert book.problems == [f"{LAB}: not in the roster, so without a line in the gradebook: stranger"]
    assert [(row["name"], row["status"], row["mark"]) for row in rows(course.folder / "out" / "marks.csv")] == [
        ("Ada Lovelace", "graded", "8"),
        ("Zoë", "not handed in", ""),
    ]


def test_a_line_of_a_platform_that_is_not_in_the_roster_is_named_and_stays(course: Course) -> None:
    course.grade(platforms.CANVAS)
    roster = "student,name,canvas_id\n1,Ada Lovelace,2001\n2,Ben Bitdiddle,2002\n3,Alyssa P Hacker,\n"
    problems = course.make(roster=roster, canvas=platforms.CANVAS_GRADEBOOK.replace("B,,,0", "B,7,,0")).problems
    course.write()

    assert problems == [
        f"{course.folder / 'canvas.csv'}: not in the roster, so the line stays as it is: Eve L",
        f"{LAB}: not in the roster, so without a line in the gradebook: evel",
    ]
    grades = {
        row["ID"]: row["Lab 01: Events (777)"] for row in rows(course.folder / "out" / "canvas" / "grades.csv")
    }
    assert (grades["2003"], grades["2004"]) == ("16", "7")


def test_two_submissions_of_one_person_are_named_and_the_later_one_counts(course: Course) -> None:
    files = {"ada.ipynb": NOTEBOOK, "Lab 1_al_attempt_2026-11-03-09-00-00.txt": b"Name: Ada Lovelace (al)\n"}
    course.grade(files | {"Lab 1_al_attempt_2026-11-03-09-00-00_lab01_events.ipynb": NOTEBOOK}, Ada_Lovelace=2)
    course.make(roster="student,name\nada,Ada Lovelace\n")
    course.write()

    assert (
        f"{LAB}, Ada Lovelace: two submissions, 'ada' and 'Ada Lovelace'; the second one counts"
        in course.book.problems
    )
    assert course.marks()["Ada Lovelace"] == ": 2"


def test_blackboards_dates_count_and_an_extension_is_for_one_student(course: Course) -> None:
    course.grade(platforms.BLACKBOARD)
    course.make(due="lab,due,points_per_day\nlab01_events,2026-11-02 09:30,1\n")
    course.write()
    assert course.marks() == {"Ada Lovelace": "1: 7", "Ben Bitdiddle": "2: 6"}

    course.make(due="lab,student,due,points_per_day\nlab01,,2026-11-02 09:30,1\nlab01,b_bit,2026-11-04,\n")
    course.write()
    assert course.marks() == {"Ada Lovelace": "1: 7", "Ben Bitdiddle": "0: 8"}


def test_a_time_that_nobody_states_costs_nothing_and_asks_for_a_line(course: Course) -> None:
    course.grade({name: file for name, file in platforms.CANVAS.items() if name.startswith(("love", "bitdi"))})
    problems = course.make(due=DUE).problems
    assert len(problems) == 1
    assert problems[0].startswith(f"{LAB}: late, says the platform, but not when")
    assert problems[0].endswith(": bitdiddleben")

    times = [f"lab01,{student},2026-11-{day} 10:00,,,," for student, day in (("2001", "02"), ("2002", "09"))]
    header, policy = DUE.split()
    header = header.replace("lab,", "lab,student,submitted,")
    course.make(due="\n".join([header, policy.replace("lab01,", "lab01,,,"), *times]))
    course.write()
    assert course.book.problems == []
    assert course.marks() == {"bitdiddleben": "7: 4", "lovelaceada": "0: 8"}


def test_a_class_without_times_is_one_sentence(course: Course) -> None:
    course.grade({f"s{n:03}.ipynb": NOTEBOOK for n in range(40)})
    [problem] = course.make(due=DUE).problems
    assert problem.startswith(f"{LAB}: without a time, so in time; name Moodle's worksheet with --moodle")
    assert problem.endswith(": s000, s001, s002, s003, s004 and 35 more")
    assert course.make(due="lab,due\nlab01,2026-11-02\n").problems == []


def test_a_line_about_nobody_is_named(course: Course) -> None:
    course.grade({"ada.ipynb": NOTEBOOK})
    problems = course.make(due="lab,student,due\nlab01,zoe,2026-11-02\nlab9,,2026-11-02\n").problems
    assert [problem.split("deadlines.csv")[1] for problem in problems] == [
        ": no lab 'lab9' is in this gradebook",
        ", line 2: there is no student 'zoe', or more than one: write an id",
    ]


def test_nothing_of_a_student_is_a_formula_or_a_tag(course: Course) -> None:
    name = '=HYPERLINK("x")<script>'
    course.grade({f"{name}.ipynb": NOTEBOOK, "Eve @x_7_assignsubmission_file/lab01_events.ipynb": NOTEBOOK})
    course.make()
    written = course.write()

    for path in written.files:
        text = path.read_text() if path.suffix != ".zip" else ""
        assert "<script>" not in text.replace(name, "") or path.suffix == ".csv"
        assert not any(line.startswith("=") or ",=" in line for line in text.splitlines())
    assert "&lt;script&gt;" in (course.folder / "out" / "gradebook.html").read_text()


def test_a_folder_without_records_or_of_two_labs_is_refused(course: Course) -> None:
    with pytest.raises(GradebookError, match="has no records of submissions"):
        books.read_lab(course.folder)
    course.grade({"ada.ipynb": NOTEBOOK})
    lab = books.read_lab(course.labs[0][0])
    with pytest.raises(GradebookError, match="two folders have records of one lab"):
        books.make([lab, lab], People(), deadlines.Deadlines())


def test_the_same_gradebook_is_written_twice_byte_by_byte(course: Course) -> None:
    course.grade(platforms.CANVAS)
    course.make()
    first = {path: path.read_bytes() for path in course.write().files}
    assert {path: path.read_bytes() for path in course.write().files} == first
    assert json.dumps(sorted(path.name for path in first)) == json.dumps(
        sorted(["gradebook.html", "gradebook.csv", "marks.csv", f"{LAB}_feedback.zip", "grades.csv"])
    )


def test_a_time_in_the_deadlines_is_stronger_than_that_of_moodle(course: Course) -> None:
    course.grade(platforms.MOODLE, moodle=MOODLE_WORKSHEET)
    course.make(
        due="lab,student,due,points_per_day,submitted\nlab01,,2026-11-02,1,\nlab01,Eve,,,2026-11-04 10:00\n"
    )
    course.write()
    assert (course.marks()["Ben Bitdiddle"], course.marks()["Eve"]) == ("1: 7", "2: 6")


def test_a_worksheet_with_decimal_commas_gets_decimal_commas(course: Course) -> None:
    course.grade(platforms.MOODLE, moodle=MOODLE_WORKSHEET.replace("100.00", '"100,00"'))
    course.make(due=DUE)
    course.write()
    sheet = rows(course.folder / "out" / "moodle" / f"{LAB}_grades.csv")
    assert [row["Grade"] for row in sheet] == ["80,00", "65,00", "80,00", ""]
