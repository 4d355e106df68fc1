"""Show the watermark of a running query along event time, and let the learner send an event that is late."""

from __future__ import annotations

import json
import threading
from typing import Any

from ipywidgets import HTML, Dropdown, FloatSlider

from eventlab.clients.kafka import json_object, open_producer
from eventlab.clients.stream_events import KAFKA_TIME, EventOutcome, TimedEvent, is_too_late, outcomes, with_time
from eventlab.clients.stream_messages import clock, waiting_for
from eventlab.clients.stream_state import StreamState
from eventlab.settings import Settings
from eventlab.settings import settings as default_settings
from eventlab.widgets.html import alert, note, render
from eventlab.widgets.panel import Panel, button, field, row, set_options
from eventlab.widgets.stream_follower import StreamFollower
from eventlab.widgets.watermark_chart import MAX_WINDOWS, Axis, axis_of, chart, next_watermark_s, state_of

FOLLOW_S = 0.3
"""Seconds between two checks whether the query has read the event that was sent."""
SLIDER_WIDTH = "97.8%"
"""The slider ends where the time line ends; its label is as wide as the labels of the time line."""
NO_WATERMARK = "This query has no watermark: its program does not call withWatermark."


class WatermarkView(Panel):
    """Follows the watermark of a streaming query over Spark Connect.

    The watermark, the windows and their counts are those of Spark's progress and state store. The events are those
    of the topic. An event is marked as late or dropped by the watermark that Spark reported for its batch.
    """

    def __init__(self, query: Any, settings: Settings = default_settings) -> None:
        self.settings = settings
        self.axis: Axis | None = None
        self.follower = StreamFollower(query, settings.bootstrap_servers, self._draw, with_events=True)
        self.facts, self.problem, self.chart = HTML(), HTML(), HTML(note("Asking Spark for the query"))
        self.time = field(FloatSlider, "send at", "Drag the event to another time", SLIDER_WIDTH, min=0, max=1)
        self.time.step, self.time.readout = 1, False
        self.time.style.description_width = "9.6%"
        self.time.observe(lambda change: self._show_draft(), "value")
        first = [("0", "0")]  # a selection that begins empty stays empty
        self.partition = field(Dropdown, "Partition", "The partition of the event to send", "160px", options=first)
        self.send_button = button(
            "Send this event", self._on_click, "140px", button_style="primary", disabled=True
        )
        self.draft, self.result = HTML(), HTML()
        name = f" {query.name}" if query.name else ""
        super().__init__(
            f"Watermark of the query{name}",
            f"WatermarkView: watermark, windows and late events of the streaming query{name}",
            self.chart,
            self.time,
            row(self.partition, self.send_button, self.draft),
            self.result,
            self.facts,
            self.problem,
        )
        self.in_background(f"follows the watermark{name}", self.follower.run)

    @property
    def events(self) -> list[EventOutcome]:
        """Return the events with what the query did with them."""
        state = self.follower.state
        return list(outcomes(list(self.follower.events), state)) if state else []

    def _draw(self) -> None:
        """Show the follower's last answer; the follower's thread calls this."""
        state = self.follower.state
        self.problem.value = alert(self.follower.problem)
        if state is None:
            return
        if not state.plan.watermarks:
            self.chart.value = note(NO_WATERMARK if state.batches else waiting_for(state))
            return
        windows = [(window, state_of(window, state)) for window in reversed(self.follower.windows[-MAX_WINDOWS:])]
        self.facts.value = render(
            "watermark_facts", state=state, activity=waiting_for(state), windows=windows, clock=clock
        )
        if numbers := [str(item.number) for item in state.partitions if item.topic == self._topic]:
            set_options(self.partition, numbers)
        self._move_axis(axis_of(state, self.follower.windows, self.events))
        self._show_draft()
        self.send_button.disabled |= not state.is_active

    @property
    def _topic(self) -> str:
        """Return the topic to which the learner's events are sent: the first that the query reads."""
        return next(iter(self.follower.state.topics), "") if self.follower.state else ""

    def _move_axis(self, axis: Axis | None) -> None:
        """Give the slider the range of the chart's axis; the learner's choice stays while it is in this range."""
        if axis is None or axis == self.axis:
            return
        is_first, chosen = self.axis is None, self.time.value if self.axis else axis.end_s
        self.axis = axis
        self.time.max = max(axis.end_s, self.time.max)  # the least value must never be greater than the greatest
        self.time.min, self.time.max = axis.start_s, axis.end_s
        self.time.value = min(max(chosen, axis.start_s), axis.end_s)
        if is_first:
            self.send_button.disabled = not self._is_active

    def _show_draft(self) -> None:
        """Show the time line with the event that can be sent, and what the watermark says about its time."""
        state, axis = self.follower.state, self.axis
        if state is None or axis is None:
            return
        time_s = round(self.time.value)
        self.chart.value = chart(state, self.follower.windows, self.events, axis, time_s)
        self.draft.value = note(forecast(state, time_s) if state.is_active else "")

    def _on_click(self) -> None:
        self.send_button.disabled = True
        self.run_in_thread("sends an event", self._send_event)

    def _send_event(self, closing: threading.Event) -> None:
        """Send the event, and show where it is and what the query did with it."""
        state = self.follower.state
        try:
            assert state is not None
            time_s, partition = round(self.time.value), int(self.partition.value or 0)
            value, timestamp_ms = event_of(state, list(self.follower.events), self._topic, time_s)
            with open_producer(self.settings.bootstrap_servers) as producer:
                sent = producer.send(self._topic, value, partition=partition, timestamp_ms=timestamp_ms)
                offset = sent.get(timeout=10).offset
            self._follow_event(offset, partition, time_s, closing)
        except Exception as error:  # a thread can report an error, such as one of Kafka's, only here
            self.result.value = alert(str(error)[:300])
        finally:
            self.send_button.disabled = not self._is_active

    def _follow_event(self, offset: int, partition: int, time_s: float, closing: threading.Event) -> None:
        """Show the event until the query has read it, or has ended."""
        sent = f"The event of {clock(time_s)} is at offset {offset} of partition {partition}"
        found: EventOutcome | None = None
        while not closing.is_set() and not (found and found.is_read) and self._is_active:
            places = {(it.event.topic, it.event.partition, it.event.offset): it for it in self.events}
            found = places.get((self._topic, partition, offset))
            self.result.value = note(f"{sent}. {outcome_text(found)}")
            closing.wait(FOLLOW_S)

    @property
    def _is_active(self) -> bool:
        return self.follower.state is not None and self.follower.state.is_active


def forecast(state: StreamState, time_s: float) -> str:
    """Return what the watermark says about an event of that time, before it is sent."""
    watermark_s = next_watermark_s(state)
    event = TimedEvent("", 0, 0, time_s, "")
    begin = f"An event of {clock(time_s)}"
    if not watermark_s or time_s >= watermark_s:
        later = state.newest_s is not None and time_s > state.newest_s
        return f"{begin} is in time{', and moves the watermark' if later else ''}."
    behind = f"{begin} is {watermark_s - time_s:g} s behind the watermark"
    if is_too_late(event, state, watermark_s):
        return f"{behind}, and its windows are closed: Spark will drop it."
    return f"{behind}, but a window of it is open: late, and counted."


def outcome_text(outcome: EventOutcome | None) -> str:
    """Return what the query did with an event."""
    if outcome is None or not outcome.is_read:
        return "The query has not read it yet."
    if outcome.is_dropped:
        return f"Batch {outcome.batch} read it and dropped it: it was too late."
    return f"Batch {outcome.batch} read it and counted it{', although it was late' if outcome.is_late else ''}."


def event_of(state: StreamState, events: list[TimedEvent], topic: str, time_s: float) -> tuple[bytes, int | None]:
    """Return the value of an event of that time, and Kafka's timestamp in milliseconds or None.

    It is the last event of the topic with another time. If the event time is Kafka's own, only that changes.
    """
    column = state.plan.watermarks[0].field
    last = next((event.text for event in reversed(events) if event.topic == topic), '{"event_type": "default"}')
    fields = json_object(last) or {}
    if column == KAFKA_TIME and column not in fields:
        return last.encode(), round(time_s * 1000)
    return json.dumps(with_time(fields, column, time_s)).encode(), None
