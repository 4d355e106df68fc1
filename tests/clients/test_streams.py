"""What Spark reports about a streaming query becomes plain data: batches, offsets, plan, events and windows."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from eventlab.clients.kafka import Offsets
from eventlab.clients.stream_checkpoint import read_checkpoint
from eventlab.clients.stream_events import timed_event
from eventlab.clients.stream_messages import lost_messages, number_of, waiting_for
from eventlab.clients.stream_plan import Watermark, Window, read_plan, seconds
from eventlab.clients.stream_state import Partition, positions_of
from eventlab.clients.stream_windows import Change, WindowState, window_states
from tests.clients.recorded_streams import BASE_S, changes, checkpoint, outcomes_of, recorded


def test_batches_have_rows_rates_durations_and_what_was_written():
    state = recorded("windows")

    assert [batch.number for batch in state.batches] == list(range(8))
    assert [batch.rows for batch in state.batches] == [4, 0, 2, 0, 1, 0, 3, 0]
    assert [batch.written for batch in state.batches] == [0, 0, 0, 0, 0, 1, 0, 1]
    assert state.batches[6].duration_ms == 1412
    assert round(state.batches[6].input_rate, 1) == 85.7
    assert round(state.batches[6].processing_rate, 2) == 2.12
    assert (state.rows, state.written) == (10, 2)


def test_offsets_and_lag_are_known_for_each_partition():
    state = recorded("second_batch_fails")

    assert recorded("windows").partitions == (Partition("windows", 0, 7, 0, 7), Partition("windows", 1, 3, 0, 3))
    assert state.partitions == (Partition("second", 0, 2, 0, 5),)
    assert state.lag == 3


def test_the_watermark_moves_and_state_and_dropped_rows_are_counted():
    state = recorded("windows")

    assert [batch.watermark_s and batch.watermark_s - BASE_S for batch in state.batches] == [
        *(0, 2, 2, 17),
        *(17, 35, 35, 40),
    ]
    assert state.watermark_s == BASE_S + 40
    assert state.newest_s == BASE_S + 50
    assert [batch.state_rows for batch in state.batches] == [1, 1, 2, 2, 3, 2, 2, 1]
    assert [batch.closed for batch in state.batches] == [0, 0, 0, 0, 0, 1, 0, 1]
    assert state.dropped == 1
    assert state.batches[6].dropped == 1


def test_a_sink_that_does_not_report_its_rows_is_not_a_sink_with_none():
    assert recorded("available_now").written is None
    assert recorded("filter").written == 0


def test_the_first_batch_has_no_start_and_its_end_shows_that_it_began_at_the_latest_offsets():
    state = recorded("latest")

    assert state.batches[0].sources[0].start is None
    assert state.batches[0].sources[0].end == {"latest": {0: 3}}
    assert state.rows == 0


def test_a_failed_query_has_its_message_and_the_offsets_of_its_last_batch():
    state = recorded("second_batch_fails")

    assert not state.is_active
    assert "invalid literal for int() with base 10: 'four'" in state.error
    assert state.failed_range == ({"second": {0: 2}}, {"second": {0: 5}})
    assert recorded("failed").failed_range == ({}, {"failed": {0: 2}})
    assert recorded("failed").topics == ("failed",)
    assert recorded("windows").failed_range is None


def test_a_query_without_a_batch_has_no_rows_and_no_partitions():
    state = recorded("other_topic")

    assert (state.last, state.rows, state.partitions, state.state_rows) == (None, 0, (), 0)
    assert state.topics == ("other-b",)


PLANS = {
    "windows": (Window(20, 20), "Append", "/tmp/checkpoints/windows"),
    "sliding_windows": (Window(20, 10), "Update", "/tmp/checkpoints/sliding"),
    "session_windows": (Window(), "Append", "/tmp/checkpoints/session"),
    "duplicates": (None, "", "/tmp/checkpoints/dedup"),
    "join": (None, "", "/tmp/checkpoints/join"),
    "filter": (None, "", ""),
}


@pytest.mark.parametrize("name", PLANS)
def test_the_plan_names_windows_output_mode_and_checkpoint(name):
    window, output_mode, checkpoint = PLANS[name]

    plan = recorded(name).plan

    assert (plan.window, plan.output_mode) == (window, output_mode)
    assert plan.checkpoint.removeprefix("file:") == checkpoint
    assert plan.is_stateful == bool(checkpoint)


def test_the_plan_names_watermarks_and_filters():
    assert recorded("join").plan.watermarks == (Watermark("time", 10, "time"), Watermark("time", 20, "time"))
    assert recorded("windows").plan.watermarks == (Watermark("time", 10, "time"),)
    assert recorded("filter").plan.filters == ("(event_type = purchase_swrd)",)
    assert recorded("windows").plan.filters == ()
    assert recorded("windows").plan.closed_before_s == BASE_S + 40


FIELDS = {
    "Project [e#1.event_type AS event_type#2, e#1.at AS time#3]": "at",
    "Project [e#1.n AS n#2L, cast(e#1.at as timestamp) AS time#3]": "at",
    "Project [e#1.n AS n#2L, to_timestamp(e#1.at, Some(y-M-d), TimestampType, None, true) AS time#3]": "at",
    "Project [cast(get_json_object(cast(value#1 as string), $.at) as timestamp) AS time#3]": "at",
    "Project [at#2 AS time#3]\n      +- ~Project [e#1.begun AS at#2]": "begun",
    "Project [e#1.n AS n#2L, timestamp#9 AS time#3]": "timestamp",
    "Project [time#3]": "time",
}


@pytest.mark.parametrize("project", FIELDS)
def test_the_field_of_the_event_time_is_known_from_the_plan(project):
    plans = f"+- ~EventTimeWatermark a-b, time#3: timestamp, 1 minutes\n   +- ~{project}\n"

    assert read_plan(plans).watermarks == (Watermark("time", 60, FIELDS[project]),)


def test_a_query_without_a_plan_has_an_empty_one():
    plan = read_plan("No physical plan. Waiting for data.")

    assert (plan.watermarks, plan.window, plan.filters, plan.checkpoint) == ((), None, (), "")


def test_an_interval_has_a_length():
    assert seconds("1 hours 30 minutes") == 5400
    assert seconds("500 milliseconds") == 0.5
    assert seconds("1 minutes 0.5 seconds") == 60.5


def test_an_event_is_in_one_tumbling_window_or_in_several_sliding_ones():
    assert Window(20, 20).starts(BASE_S + 5) == [BASE_S]
    assert Window(20, 10).starts(BASE_S + 5) == [BASE_S, BASE_S - 10]
    assert Window(20, 20, offset_s=7).starts(6) == [-13]
    assert Window().starts(BASE_S) == []


def test_events_are_in_the_batch_that_read_them_and_late_ones_are_marked_as_the_engine_dropped_them():
    found = {(event.event.partition, event.event.offset): event for event in outcomes_of("windows")}

    assert [found[0, offset].batch for offset in range(7)] == [0, 0, 0, 2, 2, 4, 6]
    assert {place for place, event in found.items() if event.is_dropped} == {(1, 1), (1, 2)}
    assert {place for place, event in found.items() if event.is_late} == {(1, 1), (1, 2)}
    assert recorded("windows").batches[6].dropped == 1  # both are in one window, and Spark adds them up first


def test_a_late_event_is_dropped_without_windows_when_the_watermark_has_passed_its_time():
    events = outcomes_of("duplicates")

    assert [event.is_dropped for event in events] == [False, False, False, False, True]


TIMES = [
    (b'{"time": "2026-09-21T14:13:21Z"}', BASE_S + 1),
    (b'{"time": "2026-09-21T16:13:21+02:00"}', BASE_S + 1),
    (b'{"time": "2026-09-21 14:13:21"}', BASE_S + 1),
    (b'{"time": 1790000001.5}', BASE_S + 1.5),
    (b'{"time": "yesterday"}', None),
    (b'{"time": true}', None),
    (b'{"other": 1}', None),
    (b"[1]", None),
    (b"{", None),
    (b"\xff", None),
    (None, None),
]


@pytest.mark.parametrize(("value", "time_s"), TIMES)
def test_the_event_time_is_a_field_of_the_message(value, time_s):
    event = timed_event(SimpleNamespace(topic="t", partition=0, offset=1, timestamp=5000, value=value), "time")

    assert (event.time_s if event else None) == time_s


def test_the_event_time_can_be_the_time_of_kafka():
    event = timed_event(SimpleNamespace(topic="t", partition=0, offset=1, timestamp=5000, value=b"{"), "timestamp")

    assert event is not None
    assert event.time_s == 5


def test_windows_are_open_until_the_engine_removes_them_from_its_state():
    assert window_states(changes("windows")) == [
        WindowState(BASE_S, BASE_S + 20, 1, 4, changed=0, closed=5),
        WindowState(BASE_S + 20, BASE_S + 40, 1, 2, changed=2, closed=7),
        WindowState(BASE_S + 40, BASE_S + 60, 1, 2, changed=6, closed=None),
    ]


def change(batch, key, start, end, count):
    """Return a change of a session window; without a count, it was deleted."""
    values = None if count is None else {"count": count}
    start_s, end_s = (None if second is None else BASE_S + second for second in (start, end))
    return Change(batch, key, start_s, end_s, values)


def test_a_session_window_is_closed_by_its_key_because_a_deleted_one_has_no_window():
    sessions = [change(0, "a", 1, 10, 2), change(0, "b", 30, 35, 1), change(1, "a", None, None, None)]

    assert window_states(sessions) == [
        WindowState(BASE_S + 1, BASE_S + 10, 1, 2, changed=0, closed=1),
        WindowState(BASE_S + 30, BASE_S + 35, 1, 1, changed=0),
    ]


def test_a_session_window_that_becomes_longer_or_part_of_another_is_one_window():
    longer = [change(0, "a", 1, 6, 1), change(1, "a", 1, 9, 2)]
    joined = [change(0, "b", 4, 9, 1), change(1, "b", None, None, None), change(1, "a", 1, 9, 2)]

    for changes_of_session in (longer, joined):
        assert window_states(changes_of_session) == [WindowState(BASE_S + 1, BASE_S + 9, 1, 2, changed=1)]


def test_a_window_with_several_groups_is_closed_with_the_last_one():
    groups = [change(0, "a", 0, 20, 2), change(0, "b", 0, 20, 3), change(1, "a", 0, 20, None)]

    assert window_states(groups) == [WindowState(BASE_S, BASE_S + 20, 2, 5, changed=0)]
    assert window_states([*groups, change(2, "b", 0, 20, None)])[0].closed == 2


def test_the_events_that_were_not_dropped_are_the_counts_of_the_windows():
    window = Window(20, 20)
    counted = [event.event.time_s for event in outcomes_of("windows") if not event.is_dropped]

    counts = {state.start_s: state.count for state in window_states(changes("windows"))}

    assert counts == {start: sum(window.starts(time) == [start] for time in counted) for start in counts}


def test_a_checkpoint_has_batches_offsets_and_the_watermark():
    windows, latest, union = checkpoint("windows"), checkpoint("latest"), checkpoint("union")

    assert windows is not None
    assert (windows.planned, windows.completed) == (7, 7)
    assert windows.first == {"windows": {0: 0, 1: 0}}
    assert windows.next == {"windows": {0: 7, 1: 3}}
    assert windows.watermark_s == BASE_S + 40
    assert latest is not None
    assert latest.first == latest.next == {"latest": {0: 3}}
    assert union is not None
    assert union.next == {"union-a": {0: 3}, "union-b": {0: 1}}


def test_a_batch_without_a_commit_is_not_completed():
    found = checkpoint("failed")

    assert found is not None
    assert (found.planned, found.completed) == (0, None)


def test_a_folder_without_a_checkpoint_has_none():
    assert read_checkpoint("/tmp", lambda folder: ["part-0.parquet"], lambda path: "") is None


def test_a_number_has_its_noun():
    assert [number_of(count, "row") for count in (0, 1, 2.5, 1000)] == [
        "0 rows",
        "1 row",
        "2.5 rows",
        "1,000 rows",
    ]


WORDS = {
    "second_batch_fails": "It has ended with an error: ValueError: invalid literal for int() with base 10: 'four'",
    "failed": "It has ended with an error: [CAST_INVALID_INPUT] The value ",
    "available_now": "It has ended: it was stopped, or has read what was there.",
    "filter": "It waits for new messages of 'filter'.",
    "windows": "It waits for events of 'windows': 1 group in its state waits until",
}


@pytest.mark.parametrize("name", WORDS)
def test_what_a_query_waits_for_is_said_in_words(name):
    assert waiting_for(recorded(name)).startswith(WORDS[name])


def test_offsets_are_a_text_or_an_object_and_those_of_other_sources_are_none():
    assert positions_of('{"events": {"0": 3}}') == positions_of({"events": {"0": 3}}) == {"events": {0: 3}}
    assert positions_of("12") == positions_of('{"logOffset": 1}') == positions_of(None) == positions_of("-") == {}


LOST = "[KAFKA_DATA_LOSS.PARTITION_OFFSET_CHANGED] Some data may have been lost because"


@pytest.mark.parametrize(
    ("error", "offsets", "why"),
    [
        (LOST, None, "the topic 'second' was deleted, and does not exist any more"),
        (
            "UnknownTopicOrPartitionException: no",
            None,
            "the topic 'second' was deleted, and does not exist any more",
        ),
        (
            LOST,
            Offsets({0: 0}, {0: 1}),
            "the topic 'second' was deleted and created again: partition 0 ends at offset 1, and the query "
            "continues at offset 2",
        ),
        (
            LOST,
            Offsets({0: 4}, {0: 9}),
            "Kafka has deleted the first messages of 'second': partition 0 begins at offset 4, and the "
            "query continues at offset 2",
        ),
        (LOST, Offsets({0: 0}, {0: 5}), ""),
        ("ValueError: no", None, ""),
    ],
)
@pytest.mark.parametrize("batches", [None, 0])
def test_a_failed_query_whose_messages_are_gone_says_where_it_would_continue(error, offsets, why, batches):
    """Also in its first batch after a start, when only the error names its offsets."""
    state = replace(recorded("second_batch_fails"), error=error, offsets={"second": offsets})

    assert lost_messages(replace(state, batches=state.batches[:batches])) == why
