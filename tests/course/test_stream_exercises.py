"""The checks of the exercises about streams accept right answers, and say what is missing."""

import datetime

import pytest

from eventlab import course
from eventlab.course import stream_exercises


def checked(capsys, *arguments):
    """Run a check and return what it prints."""
    course.check(*arguments)
    return capsys.readouterr().out


def test_only_completed_batches_count(capsys, monkeypatch):
    monkeypatch.setattr(stream_exercises.filesystem, "names", lambda path: ["0", "1", "10", ".2.tmp"])

    assert checked(capsys, "10-2", ["/c/0", "/c/1", "/c/10"]).startswith(
        "Exercise 10.2: not yet. Your answer has 3"
    )
    assert checked(capsys, "10-2", 3) == "Exercise 10.2: correct.\n"


@pytest.mark.parametrize("answer", ["12:05:00", "12:05", "2026-03-14T12:05:00", datetime.time(12, 5)])
def test_a_time_may_be_written_without_seconds_with_its_date_and_as_a_time(capsys, answer):
    assert checked(capsys, "11-1", answer) == "Exercise 11.1: correct.\n"
    assert checked(capsys, "11-1", "12:50").startswith("Exercise 11.1: not yet. Your answer is '12:50'.")


@pytest.mark.parametrize("knives", [0, 4])
def test_without_enough_knives_no_stream_is_looked_for(capsys, monkeypatch, knives):
    monkeypatch.setattr(stream_exercises, "new_events", lambda: [{"event_type": "purchase_knife"}] * knives)

    assert f"{knives} knives were bought" in checked(capsys, "10-1")


def test_without_a_stream_the_check_names_its_path(capsys, monkeypatch):
    monkeypatch.setattr(stream_exercises, "new_events", lambda: [{"event_type": "purchase_knife"}] * 5)
    monkeypatch.setattr(stream_exercises.filesystem, "exists", lambda path: False)

    assert f"No stream has written to {stream_exercises.KNIVES}" in checked(capsys, "10-1")
    assert f"There is no folder {stream_exercises.SAFE}" in checked(capsys, "13-1")


def test_a_folder_that_lacks_the_batches_of_another_checkpoint_is_to_be_deleted(capsys, monkeypatch):
    def read(folder):
        raise RuntimeError(
            f"(java.io.FileNotFoundException) {folder}/_spark_metadata/0 doesn't exist (latestId: 8)"
        )

    monkeypatch.setattr(stream_exercises, "new_events", lambda: [{"event_type": "purchase_knife"}] * 5)
    monkeypatch.setattr(stream_exercises.filesystem, "exists", lambda path: True)
    monkeypatch.setattr(stream_exercises, "_count_of_rows", read)

    printed = checked(capsys, "10-1")
    assert "the query had the checkpoint of another query" in printed
    assert "!hadoop fs -rm -r -f -skipTrash /tmp/lesson-10/knives /tmp/lesson-10/knives.checkpoint" in printed


@pytest.mark.parametrize(
    ("names", "offsets", "expected"),
    [
        (["batch=0"], (10, 10, 9), "Exercise 13.1: correct."),
        (["batch=0"], (20, 10, 9), "has 20 rows, for 10 of 10 events"),
        (["batch=0"], (0, 0, -1), "has 0 rows, for 0 of 0 events"),
        (["batch=0"], (5, 5, 9), "has 5 rows, for 5 of 10 events"),
        (["_SUCCESS", "part-0.parquet"], (10, 10, 9), "has no folder such as batch=0. It contains: _SUCCESS"),
        (
            ["0", "batch=0"],
            (10, 10, 9),
            "also contains 0, perhaps of an earlier attempt. Delete what is there",
        ),
        (["batch={number}"], (10, 10, 9), "Put the number into the name, with an f-string"),
    ],
)
def test_a_repeated_batch_has_a_folder_of_its_own_with_each_event_once(
    capsys, monkeypatch, names, offsets, expected
):
    monkeypatch.setattr(stream_exercises.filesystem, "exists", lambda path: True)
    monkeypatch.setattr(stream_exercises.filesystem, "names", lambda path: names)
    monkeypatch.setattr(stream_exercises, "_offsets", lambda folder: offsets)

    assert expected in checked(capsys, "13-1")


@pytest.mark.parametrize("name", ["11-1", "11-2", "12-1", "12-2"])
def test_a_wrong_answer_gets_a_hint(capsys, name):
    printed = checked(capsys, name, 12345)

    assert f"Exercise {name.replace('-', '.')}: not yet. Your answer is 12345." in printed


@pytest.mark.parametrize(("name", "usual"), [("12-1", 215), ("12-2", 1)])
def test_an_answer_from_a_table_with_further_events_is_right(capsys, monkeypatch, name, usual):
    monkeypatch.setattr(stream_exercises, "_first_value", lambda query: 415)

    for answer in (usual, 415):
        assert "correct." in checked(capsys, name, answer)
    assert "not yet. Your answer is 300." in checked(capsys, name, 300)


def test_a_repaired_message_is_a_purchase_of_its_player(capsys, monkeypatch):
    sent = [{"player": "ada", "event_type": "purchase_sword"}, {"player": "eve"}]
    monkeypatch.setattr(stream_exercises, "new_events", lambda: sent)
    assert "no sword purchase of the player eve" in checked(capsys, "13-2")

    sent.append({"player": "eve", "event_type": "purchase_sword"})
    assert checked(capsys, "13-2") == "Exercise 13.2: correct.\n"
