"""The files of grades and feedback for Canvas."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from eventlab.grading.exports import CANVAS
from tests.grading import platform_exports as platforms
from tests.grading.gradebook_examples import LAB, Course, rows, zip_files
from tests.grading.platform_exports import NOTEBOOK


@pytest.fixture
def course(tmp_path: Path) -> Course:
    return Course(tmp_path)


def test_the_export_of_canvas_gives_the_people_and_is_filled_in(course: Course) -> None:
    course.grade(platforms.CANVAS, hackeralyssap=10)
    course.make(canvas=platforms.CANVAS_GRADEBOOK)
    written = course.write()

    points, *students = rows(course.folder / "out" / "canvas" / "grades.csv")
    assert points["Lab 01: Events (777)"] == "20.00"
    assert [(row["Student"], row["ID"], row["Lab 01: Events (777)"]) for row in students] == [
        ("Lovelace, Ada", "2001", "16"),
        ("Bitdiddle, Ben", "2002", "16"),
        ("Hacker, Alyssa P", "2003", "20"),
        ("Eve L", "2004", "16"),
        ("Student, Test", "2099", ""),
    ]
    assert list(points) == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Lab 01: Events (777)"]
    assert f"{LAB}: 10 points become 20 in Canvas, its points possible" in written.notes
    names = [row["name"] for row in rows(course.folder / "out" / "gradebook.csv")]
    assert names == ["Ada Lovelace", "Alyssa P Hacker", "Ben Bitdiddle", "Eve L"]


def test_a_field_that_the_gradebook_does_not_know_keeps_the_grade_of_canvas(course: Course) -> None:
    course.grade({"lovelaceada_2001_90001_lab01_events.ipynb": NOTEBOOK}, lovelaceada=None)
    course.make(canvas=platforms.CANVAS_GRADEBOOK.replace("2002,s02,ben,A,,", "2002,s02,ben,A,13,"))
    course.write()

    grades = {
        row["ID"]: row["Lab 01: Events (777)"] for row in rows(course.folder / "out" / "canvas" / "grades.csv")
    }
    assert (grades["2001"], grades["2002"]) == ("", "13")


def test_canvas_gets_a_file_for_each_file_under_the_name_of_its_export(course: Course) -> None:
    course.grade(platforms.CANVAS)
    course.make()
    course.write()

    files = zip_files(course.folder / "out" / "canvas" / f"{LAB}_feedback.zip")
    assert sorted(files) == [
        "bitdiddleben_LATE_2002_90003_lab01_events-1.ipynb",
        "hackeralyssap_2003_90004_homework.zip",
        "lovelaceada_2001_90001_lab01_events.ipynb",
    ]
    assert all(CANVAS.fullmatch(name) for name in files)
    notebook = nbformat.reads(files["lovelaceada_2001_90001_lab01_events.ipynb"].decode(), as_version=4)
    nbformat.validate(notebook)
    text = "\n".join(cell.source for cell in notebook.cells)
    assert "8 of 10 points" in text
    assert "    got: <b>7</b>" in text


def test_without_an_export_canvas_gets_its_columns_from_the_roster(course: Course) -> None:
    course.grade({"ada.ipynb": NOTEBOOK})
    roster = "student,name,canvas_id,sis_user_id,section\nada,Ada Lovelace,2001,s01,A\nzoe,Zoë,,s09,\n"
    course.make(roster=roster, due="lab,title\nlab01,Lab 01: Events\n")
    course.write()

    assert (course.folder / "out" / "canvas" / "grades.csv").read_text().splitlines() == [
        "Student,ID,SIS User ID,SIS Login ID,Section,Lab 01: Events",
        "    Points Possible,,,,,10",
        "Ada Lovelace,2001,s01,,A,8",
        "Zoë,,s09,,,",
    ]
