"""One record a student, whatever the student is called and whenever the run is interrupted."""

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlab.grading import results
from eventlab.grading.results import CheckResult, Question, SubmissionRecord

HOSTILE_NAMES = [
    "../../etc/passwd",
    "/etc/passwd",
    "..",
    ".",
    "",
    "a/b",
    "a\\b",
    "a\0b",
    "~",
    "Ada Lovelace",
    "ada-lovelace",
    "ADA",
    "ada",
    "Ada",
    "=HYPERLINK(1)",
    "名前",
    "ñ",
    "n\u0303",
    "\udcff\udcfe",
    "x" * 300,
    "<script>alert(1)</script>",
]


def record(student="ada", **fields):
    check = CheckResult("every sword is there", "q1", False, 0, 2, True, "look again", "20", "19")
    question = Question("q1", 0, 2, "ran past 60 s", (check,))
    return SubmissionRecord(
        student, "lab01_events", "timed_out", 0, 2, (question,), ("killed",), "bwrap", 1.5, "f", None, **fields
    )


@pytest.mark.parametrize("student", HOSTILE_NAMES)
def test_a_record_is_read_back_as_it_was_saved(tmp_path, student):
    results.save(record(student), tmp_path)

    assert results.load(student, tmp_path) == record(student)


@pytest.mark.parametrize("student", HOSTILE_NAMES)
def test_no_name_leaves_the_records_folder(tmp_path, student):
    path = results.save(record(student), tmp_path)

    assert path.resolve().parent == (tmp_path / "records").resolve()
    assert len(path.name.encode()) < 100


def test_hostile_names_each_have_a_record_of_their_own(tmp_path):
    for student in HOSTILE_NAMES:
        results.save(record(student), tmp_path)

    assert [found.student for found in results.load_all(tmp_path)] == sorted(HOSTILE_NAMES)


@given(st.text(max_size=80), st.text(max_size=80))
def test_different_names_never_share_a_slug_not_even_without_case(one, other):
    assert (results.slug(one).lower() == results.slug(other).lower()) == (one == other)


def test_a_slug_is_no_other_students_plain_name():
    assert results.slug(results.slug("Ada")) != results.slug("Ada")


def test_an_interrupted_write_leaves_the_record_that_was_there(tmp_path, monkeypatch):
    results.save(record(), tmp_path)

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        results.save(SubmissionRecord("ada", "lab01_events", "graded", 2, 2), tmp_path)

    assert results.load_all(tmp_path) == [record()]
    assert len(list((tmp_path / "records").iterdir())) == 1


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"student": "ada"}', "\x00\xff"])
def test_a_damaged_record_counts_as_none(tmp_path, text):
    path = results.save(record(), tmp_path)
    path.write_text(text)

    assert results.load("ada", tmp_path) is None
    assert results.load_all(tmp_path) == []


def test_a_record_of_unknown_status_counts_as_none(tmp_path):
    path = results.save(record(), tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"status": "superb"}))

    assert results.load("ada", tmp_path) is None


def test_an_output_folder_without_records_has_none(tmp_path):
    assert results.load_all(tmp_path) == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"status": "superb"}, "status: Input should be 'graded'"),
        ({"points": "2"}, "points: Input should be a valid number"),
        ({"points": None}, "a record has points unless its status is infrastructure_failed"),
        ({"rank": 1}, "rank: Unexpected keyword argument"),
        ({"questions": [{"id": "q1", "points": 1}]}, "questions.0.max_points: Field required"),
    ],
)
def test_a_malformed_record_is_rejected_with_the_file_and_the_field(tmp_path, changed, said):
    path = results.save(record(), tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))

    with pytest.raises(results.RecordError) as caught:
        results.read(path)

    assert str(path) in str(caught.value)
    assert said in str(caught.value)


def test_a_file_that_is_not_json_is_rejected_with_its_name(tmp_path):
    path = results.save(record(), tmp_path)
    path.write_text("{")

    with pytest.raises(results.RecordError, match="is not a record of a submission") as caught:
        results.read(path)
    assert str(path) in str(caught.value)


def test_a_record_that_is_ignored_is_logged(tmp_path, caplog):
    results.save(record(), tmp_path).write_text("{}")

    assert results.load("ada", tmp_path) is None
    assert "student: Field required" in caplog.text


def test_a_record_is_readable_json_for_its_owner_only(tmp_path):
    path = results.save(record(), tmp_path)

    assert '\n  "student": "ada",\n' in path.read_text()
    assert path.stat().st_mode & 0o077 == 0


def test_a_record_is_full_however_its_points_are_summed():
    """0.1 + (0.2 + 0.3) is 0.6, and (0.1 + 0.2) + 0.3 is a little more."""
    questions = (Question("q1", 0.1, 0.1), Question("q2", 0.2 + 0.3, 0.2 + 0.3))
    full = SubmissionRecord("ada", "lab", "graded", results.total(questions), 0.1 + 0.2 + 0.3, questions)

    assert full.points != full.max_points
    assert full.is_full
