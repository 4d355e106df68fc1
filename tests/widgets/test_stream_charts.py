"""The views of streaming queries show what was recorded on a real stack: numbers, windows, late events."""

import json
import re
from dataclasses import replace
from types import SimpleNamespace

import pytest

from eventlab.clients.stream_events import TimedEvent
from eventlab.clients.stream_messages import clock, waiting_for
from eventlab.clients.stream_plan import Watermark
from eventlab.clients.stream_windows import WindowState, window_states
from eventlab.widgets import WatermarkView, stream_chart, watermark_chart
from eventlab.widgets.html import render
from eventlab.widgets.watermark_view import event_of, forecast, outcome_text
from tests.clients.recorded_streams import BASE_S, changes, outcomes_of, recorded
from tests.helpers import first_group
from tests.widgets.helpers import table_rows

WINDOWS = window_states(changes("windows"))


def shown(name):
    """Return the facts of a recorded query as HTML."""
    state = recorded(name)
    return render("stream_state", state=state, activity=waiting_for(state), clock=clock, max_partitions=12)


def text(html):
    """Return the text of HTML in one line."""
    return " ".join(re.sub("<[^>]+>", " ", html).split())


def test_offsets_and_lag_of_each_partition_are_in_a_table():
    assert table_rows(shown("windows")) == [["windows", "0", "7", "7", "0"], ["windows", "1", "3", "3", "0"]]
    assert table_rows(shown("second_batch_fails")) == [["second", "0", "2", "5", "3"]]


def test_the_chart_of_a_query_whose_only_batch_took_less_than_a_millisecond_has_an_axis():
    batch = replace(next(batch for batch in recorded("windows").batches if batch.ran), duration_ms=0)

    assert "10 s" in text(stream_chart.charts([batch], BASE_S, is_active=False))


def test_rows_watermark_state_and_dropped_rows_are_shown_with_what_the_query_waits_for():
    facts = text(shown("windows"))

    assert "10 rows read · 2 rows written · 0 behind" in facts
    assert "watermark 2026-09-21 14:14:00 · newest event 2026-09-21 14:14:10" in facts
    assert "1 row of state · 1 dropped as late" in facts
    assert "It waits for events of &#39;windows&#39;" in facts


def test_a_query_without_a_watermark_shows_none_and_one_that_failed_its_error():
    assert "watermark" not in text(shown("filter"))
    assert "rows written" not in text(shown("available_now"))
    assert "has ended It has ended with an error: [CAST_INVALID_INPUT]" in text(shown("failed"))


def test_the_selection_of_a_partition_is_never_empty_or_a_browser_shows_no_choice_from_then_on():
    view, offered = WatermarkView(SimpleNamespace(name="windows")), []
    view.partition.observe(lambda change: offered.append(change.new), "_options_labels")

    for count in (0, 3):
        view.follower.state = replace(recorded("windows"), batches=recorded("windows").batches[:count])
        view._draw()
    chosen = view.partition.value
    view.close()

    assert offered == [("0", "1")]
    assert chosen == "0"


def test_the_button_that_sends_an_event_to_a_query_that_has_ended_is_never_enabled():
    view, states = WatermarkView(SimpleNamespace(name="windows")), []
    view.send_button.observe(lambda change: states.append(change.new), "disabled")

    view.follower.state, view.follower.windows = replace(recorded("windows"), is_active=False), WINDOWS
    view.follower.events.extend(item.event for item in outcomes_of("windows"))
    view._draw()
    chart, is_disabled = view.chart.value, view.send_button.disabled
    view.close()

    assert "eventlab-times" in chart
    assert (states, is_disabled) == ([], True)


def test_the_button_of_an_event_that_is_being_sent_stays_disabled_when_later_events_move_the_axis():
    view = WatermarkView(SimpleNamespace(name="windows"))
    view.follower.state, view.follower.windows = recorded("windows"), WINDOWS[:1]
    view._draw()
    before, was_disabled = view.axis, view.send_button.disabled

    view.send_button.disabled = True
    view.follower.windows = WINDOWS
    view.follower.events.extend(item.event for item in outcomes_of("windows"))
    view._draw()
    after, is_disabled = view.axis, view.send_button.disabled
    view.close()

    assert after != before
    assert (was_disabled, is_disabled) == (False, True)


def test_the_charts_have_the_rates_and_the_durations_of_the_last_batches():
    batches = recorded("windows").batches
    last = batches[-2]

    drawn = stream_chart.charts(batches[:-1], last.timestamp_s + 10)

    assert "rows that arrive 85.71, rows that Spark processes 2.125" in drawn
    assert "Seconds per batch in the last 120 seconds, the last batch: duration of a batch 1.412" in drawn
    assert drawn.count("<circle") == 3 * 7


def test_batches_that_are_too_old_for_the_chart_are_not_drawn():
    batches = recorded("windows").batches

    drawn = stream_chart.charts(batches, batches[-1].timestamp_s + stream_chart.SPAN_S + 1)

    assert "<circle" not in drawn
    assert "rows that arrive none" in drawn


def test_the_charts_of_a_query_that_has_ended_end_with_its_last_batch():
    batches = recorded("windows").batches

    drawn = stream_chart.charts(batches, batches[-1].timestamp_s + 24 * 3600, is_active=False)

    assert drawn.count("<circle") >= 3 * 7
    assert "the end of the last batch" in drawn
    assert "now" not in drawn


def test_the_charts_of_a_query_that_has_ended_begin_with_its_first_batch():
    batches = recorded("windows").batches
    last = max(number for number, batch in enumerate(batches) if batch.ran)
    duration = batches[last].timestamp_s + batches[last].duration_ms / 1000 - batches[0].timestamp_s

    drawn = stream_chart.charts(batches, 0, is_active=False)

    span = first_group(r"(\d+) s earlier", drawn)
    assert duration <= int(span) < duration + 10 < stream_chart.SPAN_S
    assert drawn.count("<circle") == 3 * sum(batch.ran for batch in batches)


def test_windows_are_closed_closing_or_open_as_the_engine_has_them():
    state = recorded("windows")

    assert [watermark_chart.state_of(window, state) for window in WINDOWS] == ["closed", "closed", "open"]
    earlier = window_states(changes("windows")[:3])
    assert [watermark_chart.state_of(window, state) for window in earlier] == ["closing", "closing", "open"]


def drawn(draft_s=None):
    """Return the time line of the recorded query."""
    state, events = recorded("windows"), outcomes_of("windows")
    axis = watermark_chart.axis_of(state, WINDOWS, events)
    assert axis is not None
    return watermark_chart.chart(state, WINDOWS, events, axis, draft_s)


def test_the_name_of_the_time_line_says_what_it_shows():
    name = re.search('aria-label="(Event time: [^"]+)"', drawn())

    assert name is not None
    assert name[1] == (
        "Event time: watermark 2026-09-21 14:14:00; "
        "window 2026-09-21 14:13:20 to 2026-09-21 14:13:40 is closed with 4; "
        "window 2026-09-21 14:13:40 to 2026-09-21 14:14:00 is closed with 2; "
        "window 2026-09-21 14:14:00 to 2026-09-21 14:14:20 is open with 2; "
        "events: 8 in time, 0 late and counted, 2 dropped, 0 not read yet"
    )


def test_each_event_is_at_its_time_and_dropped_ones_are_marked():
    html = drawn()

    assert html.count('<g class="dropped" transform') == 2
    assert html.count('<g class="read" transform') == 8
    assert "offset 1 of partition 1: 2026-09-21 14:13:22, too late: dropped, batch 6" in html


def test_times_are_places_between_the_edges_of_the_axis():
    axis = watermark_chart.Axis(BASE_S, BASE_S + 100)

    assert axis.x(BASE_S) == watermark_chart.LEFT
    assert axis.x(BASE_S + 100) == watermark_chart.WIDTH - watermark_chart.RIGHT
    assert axis.x(BASE_S - 1) == watermark_chart.LEFT


def test_the_axis_has_room_for_later_events():
    axis = watermark_chart.axis_of(recorded("windows"), WINDOWS, outcomes_of("windows"))

    assert axis == watermark_chart.Axis(BASE_S, BASE_S + 70)
    assert watermark_chart.axis_of(recorded("other_topic"), [], []) is None


def test_sliding_windows_are_in_several_rows():
    overlapping = [WindowState(BASE_S + 10 * n, BASE_S + 10 * n + 20, 1, 1, 0) for n in range(3)]
    axis = watermark_chart.Axis(BASE_S, BASE_S + 100)

    assert [box["row"] for box in watermark_chart.boxes(WINDOWS, recorded("windows"), axis)] == [0, 0, 0]
    assert [box["row"] for box in watermark_chart.boxes(overlapping, recorded("windows"), axis)] == [0, 1, 0]


def test_the_event_that_can_be_sent_has_a_line():
    assert 'class="draft"' in drawn(BASE_S + 30)
    assert 'class="draft"' not in drawn()


FORECASTS = {
    -10: "is 50 s behind the watermark, and its windows are closed: Spark will drop it.",
    39: "is 1 s behind the watermark, and its windows are closed: Spark will drop it.",
    45: "is in time.",
    60: "is in time, and moves the watermark.",
}


@pytest.mark.parametrize("second", FORECASTS)
def test_the_watermark_says_what_becomes_of_an_event(second):
    assert forecast(recorded("windows"), BASE_S + second).endswith(FORECASTS[second])


def test_an_event_can_be_late_and_counted():
    state = recorded("windows")
    earlier = replace(state, batches=state.batches[:6], plan=replace(state.plan, closed_before_s=BASE_S + 35))

    assert forecast(earlier, BASE_S + 30).endswith(
        "is 5 s behind the watermark, but a window of it is open: late, and counted."
    )


def test_the_outcome_is_what_the_engine_did():
    events = outcomes_of("windows")

    assert outcome_text(events[0]) == "Batch 0 read it and counted it."
    assert outcome_text(events[-1]) == "Batch 6 read it and dropped it: it was too late."
    assert outcome_text(None) == "The query has not read it yet."


def test_the_event_to_send_is_the_last_one_with_another_time():
    state, events = recorded("windows"), [item.event for item in outcomes_of("windows")]

    value, timestamp_ms = event_of(state, events, "windows", BASE_S + 9)

    assert json.loads(value) == {"event_type": "purchase_sword", "time": "2026-09-21T14:13:29Z", "n": 4}
    assert timestamp_ms is None


def test_a_number_as_time_stays_a_number_and_a_first_event_gets_its_time():
    state = recorded("windows")
    event = TimedEvent("windows", 0, 0, 5.0, '{"time": 5.0}')

    assert event_of(state, [event], "windows", 9) == (b'{"time": 9}', None)
    assert event_of(state, [], "windows", 0) == (
        b'{"event_type": "default", "time": "1970-01-01T00:00:00Z"}',
        None,
    )


def test_an_event_whose_time_is_that_of_kafka_gets_a_timestamp():
    state = recorded("windows")
    state = replace(state, plan=replace(state.plan, watermarks=(Watermark("timestamp", 10, "timestamp"),)))

    assert event_of(state, [TimedEvent("windows", 0, 0, 5.0, "not JSON")], "windows", 9) == (b"not JSON", 9000)


def test_the_words_of_spark_are_never_html():
    state = recorded("windows")

    html = render("stream_state", state=state, activity="<b>words</b>", clock=clock, max_partitions=12)

    assert "<b>words" not in html
