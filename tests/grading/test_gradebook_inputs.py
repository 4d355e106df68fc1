"""The instructor's CSV files: mistakes are named with their lines, and a name may be written in several ways."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from eventlab.grading.csv_files import TableError
from eventlab.grading.gradebook import deadlines
from eventlab.grading.gradebook.deadlines import Policy
from eventlab.grading.gradebook.people import People, Person, forms, is_alike, read_roster
from eventlab.grading.gradebook.worksheets import read_canvas, read_moodle
from tests.grading import platform_exports as platforms


def file(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "file.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_roster_is_read_with_the_separator_that_it_has(tmp_path: Path, separator: str) -> None:
    text = "\ufeffStudent,Name,canvas_id\r\nada,Ada Lovelace,2001\r\n\r\nben,Ben,\r\n".replace(",", separator)
    assert read_roster(file(tmp_path, text)) == [
        Person("ada", "Ada Lovelace", canvas_id="2001"),
        Person("ben", "Ben"),
    ]


def test_all_mistakes_of_a_roster_are_listed_at_once(tmp_path: Path) -> None:
    with pytest.raises(TableError) as raised:
        read_roster(file(tmp_path, "student,email\nada,a@x\n,b@x\nADA,A@x\n"))
    assert str(raised.value).splitlines()[1:] == [
        "  line 3 has no student",
        "  lines 2 and 4 have the same student: ADA",
        "  lines 2 and 4 have the same email: A@x",
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("name\nAda\n", "the column 'student' is missing"),
        ("student,nmae\nada,Ada\n", "the column 'nmae' is not known"),
        ("student,name,name\nada,Ada,A\n", "the column 'name' is there twice"),
        ("student,name\nada,Lovelace, Ada\n", "line 2 has 3 fields, the first line has 2"),
        ("", "is empty"),
        (b"student\n\xff\xfe\n", "Save it as CSV with UTF-8"),
    ],
)
def test_a_file_that_is_no_roster_says_why(tmp_path: Path, text: str | bytes, why: str) -> None:
    with pytest.raises(TableError, match=why):
        read_roster(file(tmp_path, text))


def test_every_way_to_write_a_name_is_the_same_name() -> None:
    assert forms("Ada Lovelace") & forms("Lovelace, Ada") & forms("lovelaceada")
    assert not forms("Ada Lovelace") & forms("Ada")
    assert not forms("")
    assert is_alike("Zoe\u0308 Müller", "Müller, Zoë")


@pytest.mark.parametrize(
    ("one", "other"),
    [("group 1 1", "group 11"), ("jo-hn", "john"), ("राम कुमार", "रमा कुमार"), ("Zoë Müller", "Zoe Muller")],
)
def test_names_that_differ_in_more_than_their_order_are_two_people(one: str, other: str) -> None:
    assert not is_alike(one, other)


def test_an_id_is_stronger_than_a_name_and_another_id_is_another_person() -> None:
    people = People([Person("ada", "Ada Lovelace", canvas_id="1"), Person("ada2", "Ada Lovelace", canvas_id="2")])
    assert people.match("Ada Lovelace", canvas_id="2") is people.members[1]
    assert people.match("Ada Lovelace") is None
    assert people.match("ada", canvas_id="3") is None
    assert people.find("2") is people.members[1]


def test_the_days_late_begin_at_the_due_date_and_the_grace_costs_nothing() -> None:
    policy = Policy(due=at("2026-11-02 12:00"), grace_hours=2, points_per_day=1.5, maximum_deduction=4)
    times = [
        "11-01 00:00",
        "11-02 12:00",
        "11-02 14:00",
        "11-02 14:01",
        "11-03 12:00",
        "11-03 12:01",
        "11-09 00:00",
    ]
    assert [policy.days_late(at(f"2026-{time}")) for time in times] == [0, 0, 0, 1, 1, 2, 7]
    assert [policy.deduction(days, 8) for days in (0, 1, 2, 7)] == [0, 1.5, 3, 4]
    assert policy.deduction(7, 1) == 1
    assert policy.days_late(None) == 0
    assert Policy().days_late(at("2026-11-09")) == 0


def test_seconds_do_not_count_because_moodle_does_not_show_them() -> None:
    policy = Policy(due=at("2026-11-02 23:59"), points_per_day=1)
    times = [at(f"2026-11-{time}") for time in ("02 23:59:59", "03 00:00:00", "03 23:59:30", "04 00:00:00")]
    assert [policy.days_late(time) for time in times] == [0, 1, 1, 2]


def test_a_due_date_without_a_time_is_the_end_of_the_day(tmp_path: Path) -> None:
    late = deadlines.read(file(tmp_path, "lab,due\nlab01,2026-11-02\n"))
    assert late.policy("lab01_events").due == at("2026-11-02 23:59:59")
    assert late.policy("lab02_extract").due is None


def test_the_beginning_of_a_labs_name_does_not_end_within_its_number(tmp_path: Path) -> None:
    late = deadlines.read(file(tmp_path, "lab,due\nlab10,2026-11-02\n"))
    assert [late.policy(lab).due is None for lab in ("lab10", "lab10_graphs", "lab100_more")] == [
        False,
        False,
        True,
    ]


def test_a_quote_that_is_not_closed_is_an_error_and_hides_no_lines(tmp_path: Path) -> None:
    text = 'lab,student,title,due\nlab01,,"Lab 1,2026-11-02\nlab01,ada,,2026-12-02\n'
    with pytest.raises(TableError, match=r"line 2: unexpected end of data. Is a double quote not closed\?"):
        deadlines.read(file(tmp_path, text))


def test_a_field_of_two_lines_does_not_move_the_numbers_of_the_lines(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="line 4 has no student"):
        read_roster(file(tmp_path, 'student,name\nada,"Ada\nLovelace"\n,Ben\n'))


def test_all_mistakes_of_the_deadlines_are_listed_at_once(tmp_path: Path) -> None:
    lines = [
        "lab,student,due,points_per_day,submitted",
        "lab01,,02.11.2026,1,",
        "lab02,,2026-11-02T10:00+01:00,-1,",
        ",ada,,,2026-11-02",
        "lab03,,,many,2026-11-02",
    ]
    with pytest.raises(TableError) as raised:
        deadlines.read(file(tmp_path, "\n".join(lines)))
    assert str(raised.value).splitlines()[1:] == [
        "  line 2: due is '02.11.2026', not a time such as 2026-11-02 23:59",
        "  line 3: due is '2026-11-02T10:00+01:00', a time with a time zone: write the platform's local time",
        "  line 3: points_per_day is '-1', not a number from 0 on",
        "  line 4 has no lab",
        "  line 5: points_per_day is 'many', not a number",
        "  line 5 states when it was submitted, but no student",
    ]


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("Monday, 2 November 2026, 10:00 AM", "2026-11-02 10:00"),
        ("Monday, 2 November 2026, 2:05\u202fPM", "2026-11-02 14:05"),
        ("Monday, 2 November 2026, 14:05", "2026-11-02 14:05"),
        ("Monday, November 2, 2026, 2:05 PM", "2026-11-02 14:05"),
        ("-", None),
    ],
)
def test_moodles_times_are_read(tmp_path: Path, text: str, time: str | None) -> None:
    sheet = platforms.MOODLE_WORKSHEET.replace("Monday, 2 November 2026, 10:00 AM", text)
    [ada, *_] = read_moodle(file(tmp_path, sheet)).rows
    assert (ada.id, ada.name, ada.submitted) == ("101", "Ada Lovelace", time and at(time))


def test_another_table_is_no_worksheet_and_the_message_says_what_to_download(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="Set Moodle's language to English"):
        read_moodle(file(tmp_path, platforms.MOODLE_WORKSHEET.replace("Identifier", "Identifikation")))
    with pytest.raises(TableError, match="is not a gradebook export of Canvas"):
        read_canvas(file(tmp_path, platforms.MOODLE_WORKSHEET))


@pytest.mark.parametrize(
    ("title", "lab", "is_it"),
    [
        ("Lab 01: Events", "lab01_events", True),
        ("Lab 1", "lab01_events", True),
        ("lab01_events", "lab01_events", True),
        ("Lab 10: Graphs", "lab01_events", False),
        ("Homework 1", "lab01_events", False),
    ],
)
def test_the_assignment_of_a_lab_is_found_by_its_name(tmp_path: Path, title: str, lab: str, is_it: bool) -> None:
    sheet = read_canvas(file(tmp_path, platforms.CANVAS_GRADEBOOK.replace("Lab 01: Events", title)))
    assert sheet.assignment(lab, "") == (f"{title} (777)" if is_it else None)
    assert sheet.assignment(lab, title) == f"{title} (777)"
