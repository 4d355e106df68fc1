"""The file of grades for Blackboard: the Grade Center that was downloaded, with the labs' columns filled in."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from eventlab.grading.csv_files import TableError
from eventlab.grading.gradebook.worksheets import read_blackboard
from tests.grading import platform_exports as platforms
from tests.grading.gradebook_examples import LAB, Course

LAB_COLUMN = "Lab 1: Events [Total Pts: 20 Score] |902"
FILE = "out/blackboard/grades.xls"


@pytest.fixture
def course(tmp_path: Path) -> Course:
    course = Course(tmp_path)
    course.grade(platforms.BLACKBOARD, Ben_Bitdiddle=5)
    return course


def lines(path: Path, encoding: str = "utf-16") -> list[dict[str, str]]:
    with path.open(encoding=encoding, newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8"])
def test_the_grade_center_is_filled_in_with_its_encoding_and_the_ids_of_its_columns(
    course: Course, encoding: str
) -> None:
    course.make(blackboard=platforms.BLACKBOARD_GRADE_CENTER, encoding=encoding)
    written = course.write()

    assert course.folder / FILE in written.files
    found = lines(course.folder / FILE, "utf-16" if encoding == "utf-16" else "utf-8-sig")
    assert list(found[0]) == ["Last Name", "First Name", "Username", LAB_COLUMN]
    assert {line["Username"]: line[LAB_COLUMN] for line in found} == {
        "ada": "16",
        "b_bit": "10",
        "eva": "3",  # nothing handed in: the grade stays
        "course_previewuser": "",
    }
    assert f"{LAB}: 10 points become 20 in Blackboard, its points possible" in written.notes
    assert [person.label for person in course.book.people.members] == [
        "Ada Lovelace",
        "Ben Bitdiddle",
        "Eva Müller",
    ]


def test_without_the_grade_center_a_note_says_how_to_get_the_file(course: Course) -> None:
    course.make()
    assert [note for note in course.write().notes if "--blackboard" in note] == [
        "for Blackboard's file of grades, download the Grade Center and name it with --blackboard"
    ]


def test_a_lab_without_a_column_is_named_and_a_title_can_state_it(course: Course) -> None:
    table = platforms.BLACKBOARD_GRADE_CENTER.replace("Lab 1: Events", "First homework")
    course.make(blackboard=table)
    written = course.write()
    assert not (course.folder / FILE).exists()
    assert any("has no column of this name, so Blackboard's file leaves it out" in note for note in written.notes)

    course.make(blackboard=table, due="lab,title\nlab01,First homework\n")
    course.write()
    assert lines(course.folder / FILE)[0]["First homework [Total Pts: 20 Score] |902"] == "16"


def test_a_line_that_is_not_in_the_roster_is_named(course: Course) -> None:
    book = course.make(
        roster="student,blackboard_id\nada,ada\nben,b_bit\n", blackboard=platforms.BLACKBOARD_GRADE_CENTER
    )
    assert any(problem.endswith("so the line stays as it is: Eva Müller") for problem in book.problems)
    course.write()
    assert [line[LAB_COLUMN] for line in lines(course.folder / FILE)] == ["16", "10", "3", ""]


@pytest.mark.parametrize(
    ("stated", "possible"), [("20", 20), ("2.5", 2.5), ("2,5", 2.5), ("1,000", 1000), ("1,000.50", 1000.5)]
)
def test_points_possible_may_have_separators(tmp_path: Path, stated: str, possible: float) -> None:
    table = platforms.BLACKBOARD_GRADE_CENTER.replace("Pts: 20 Score", f"Pts: {stated} Score")
    (tmp_path / "gc.xls").write_text(table, encoding="utf-16")

    sheet = read_blackboard(tmp_path / "gc.xls")

    assert sheet.possible(LAB_COLUMN.replace("20", stated)) == possible


def test_a_title_may_have_more_commas_than_the_table_has_columns(tmp_path: Path) -> None:
    table = platforms.BLACKBOARD_GRADE_CENTER.replace("Lab 1: Events", "Lab 1: a, b, c, d, e, f, g, h, i, j")
    (tmp_path / "gc.xls").write_text(table, encoding="utf-16")

    assert "Username" in read_blackboard(tmp_path / "gc.xls").header


def test_another_table_is_refused_with_what_to_download(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("Student,ID\n")
    with pytest.raises(TableError, match="In the Grade Center, choose Work Offline, Download"):
        read_blackboard(tmp_path / "x.csv")
