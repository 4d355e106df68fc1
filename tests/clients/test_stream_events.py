"""The events of a streaming query are late, dropped or counted, and its windows open or closed."""

from types import SimpleNamespace

import pytest

from eventlab.clients.stream_events import timed_event
from eventlab.clients.stream_plan import Window
from eventlab.clients.stream_windows import Change, WindowState, window_states
from tests.clients.recorded_streams import BASE_S, changes, outcomes_of, recorded


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
