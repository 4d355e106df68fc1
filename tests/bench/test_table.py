"""What `make bench` keeps and says of its measurements."""

import json

import nbformat
import pytest

from tests.bench import grading, kills, streams
from tests.bench.__main__ import KEYS, save, verdict
from tests.bench.rows import row


def measured(name, value):
    """Return a row with one peer."""
    return row(name, value, "s", "peer", 2, aim=2)


def test_a_run_of_some_measurements_does_not_change_the_others(tmp_path):
    file = tmp_path / "bench.json"

    save([measured("api", 1), measured("suite", 1)], file)
    save([measured("api", 2)], file)

    kept = json.loads(file.read_text())
    assert {line["name"]: line["value"] for line in kept} == {"suite": 1, "api": 2}
    assert {tuple(line) for line in kept} == {KEYS}


def test_a_missed_aim_is_shown():
    assert verdict({"ratio": 1.9, "aim": 2}) == "2 MISSED"
    assert verdict({"ratio": 2.0, "aim": 2}) == "2 met"
    assert verdict({"ratio": 2.0, "aim": None}) == ""


def test_the_ratio_of_a_row_is_larger_than_1_if_the_kit_is_better():
    assert row("start", 2.0, "s", "peer", 6.0)["ratio"] == 3.0
    assert row("API", 600, "requests/s", "peer", 200, is_rate=True)["ratio"] == 3.0
    assert row("lost events", 0, "events", "peer", 0, is_rate=True)["ratio"] is None


def test_the_class_of_twelve_has_eight_right_and_four_broken_submissions() -> None:
    class_ = grading.twelve()

    assert len(class_) == 12
    assert len({nbformat.writes(node) for node in class_.values()}) == 1 + len(grading.BROKEN)


MESSAGES = [(0, "0"), (1, "1"), (2, "1"), (3, "2")]
"""Event 1 was sent again, because its acknowledgement did not arrive."""


def test_rows_that_are_the_topics_messages_have_no_differences():
    assert kills.differences(MESSAGES, list(reversed(MESSAGES)), acknowledged=3) == ""


@pytest.mark.parametrize(
    ("rows", "acknowledged", "expected"),
    [
        (MESSAGES[:3], 3, "1 are no rows"),
        ([*MESSAGES, MESSAGES[0]], 3, "1 rows are no messages or there twice"),
        (MESSAGES, 4, "1 acknowledged events are not in Kafka"),
    ],
)
def test_a_lost_row_a_doubled_row_and_a_lost_event_are_found(rows, acknowledged, expected):
    assert expected in kills.differences(MESSAGES, rows, acknowledged)


def test_the_95th_percentile_is_the_value_that_19_of_20_do_not_exceed():
    assert streams.p95([float(number) for number in range(20, 0, -1)]) == 19
