"""Draw a query's watermark along event time: windows, events that were read, late or dropped, and one to send."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eventlab.clients.stream_events import EventOutcome
from eventlab.clients.stream_messages import clock
from eventlab.clients.stream_state import StreamState
from eventlab.clients.stream_windows import WindowState
from eventlab.widgets.html import render

WIDTH, LEFT, RIGHT = 900, 90, 20
ROW, WINDOW_ROW, TOP = 24, 28, 22
MAX_WINDOWS = 8
MAX_LANES = 8
TICKS = 6
OPEN, CLOSING, CLOSED = "open", "closing", "closed"


@dataclass(frozen=True)
class Axis:
    """The part of event time that is shown, in seconds since 1970."""

    start_s: float
    end_s: float

    def x(self, time_s: float) -> float:
        """Return the horizontal place of a time; one outside is at the edge."""
        share = (time_s - self.start_s) / (self.end_s - self.start_s)
        return LEFT + min(1.0, max(0.0, share)) * (WIDTH - LEFT - RIGHT)


def axis_of(state: StreamState, windows: Sequence[WindowState], events: Sequence[EventOutcome]) -> Axis | None:
    """Return the axis for the last windows and their events, or None without any time."""
    shown = windows[-MAX_WINDOWS:]
    earliest = shown[0].start_s if shown else 0.0
    times = [outcome.event.time_s for outcome in events if outcome.event.time_s >= earliest]
    times += [window.start_s for window in shown] + [window.end_s for window in shown]
    times += [state.watermark_s] if state.watermark_s >= earliest and state.watermark_s else []
    if not times:
        return None
    room = max([watermark.delay_s for watermark in state.plan.watermarks] + [(max(times) - min(times)) * 0.1, 1.0])
    return Axis(min(times), max(times) + room)


def state_of(window: WindowState, state: StreamState) -> str:
    """Return whether a window is closed (removed from the state), closing (the next batch removes it) or open."""
    if window.closed is not None:
        return CLOSED
    return CLOSING if window.end_s <= next_watermark_s(state) else OPEN


def next_watermark_s(state: StreamState) -> float:
    """Return the watermark of the next batch: of one watermark, its delay before the newest event."""
    delays = [watermark.delay_s for watermark in state.plan.watermarks]
    if len(delays) == 1 and state.newest_s is not None:
        return max(state.watermark_s, state.newest_s - delays[0])
    return state.watermark_s


def chart(
    state: StreamState,
    windows: Sequence[WindowState],
    events: Sequence[EventOutcome],
    axis: Axis,
    draft_s: float | None,
) -> str:
    """Return the time line as HTML: SVG with a name that says its numbers.

    Args:
        state: The query.
        windows: The windows of its state, the earliest first.
        events: The events of its topics.
        axis: The part of event time to show.
        draft_s: The time of the event that the learner can send, or None.
    """
    shown = windows[-MAX_WINDOWS:]
    shown_boxes = boxes(shown, state, axis)
    rows = max((box["row"] for box in shown_boxes), default=0) + 1
    lanes = list(dict.fromkeys((item.topic, item.number) for item in state.partitions))[:MAX_LANES]
    below = TOP + rows * WINDOW_ROW + 10
    several = len({topic for topic, _ in lanes}) > 1
    labels = [f"{topic}-{number}" if several else f"partition {number}" for topic, number in lanes]
    return render(
        "watermark_chart",
        boxes=shown_boxes,
        dots=_dots(events, lanes, below, axis),
        lanes=[(label, below + index * ROW + ROW / 2) for index, label in enumerate(labels)],
        watermark=axis.x(state.watermark_s) if state.watermark_s >= axis.start_s and state.watermark_s else None,
        watermark_text=clock(state.watermark_s) if state.watermark_s else "not set yet",
        newest=axis.x(state.newest_s) if state.newest_s is not None else None,
        draft=axis.x(draft_s) if draft_s is not None else None,
        ticks=_ticks(axis),
        width=WIDTH,
        left=LEFT,
        right=RIGHT,
        top=TOP,
        bottom=below + len(lanes) * ROW,
        counts=counts(events),
        clock=clock,
    )


def boxes(windows: Sequence[WindowState], state: StreamState, axis: Axis) -> list[dict[str, Any]]:
    """Return the windows as boxes; windows that overlap are in several rows."""
    ends: list[float] = []
    found = []
    for window in windows:
        row = next((row for row, end_s in enumerate(ends) if end_s <= window.start_s), len(ends))
        ends[row : row + 1] = [window.end_s]
        x, end = axis.x(window.start_s), axis.x(window.end_s)
        found.append(
            {"x": x, "width": end - x, "row": row, "y": TOP + row * WINDOW_ROW}
            | {"window": window, "state": state_of(window, state)}
        )
    return found


def _dots(
    events: Sequence[EventOutcome], lanes: Sequence[tuple[str, int]], below: float, axis: Axis
) -> list[dict[str, Any]]:
    """Return the events as dots, each in the lane of its partition."""
    return [
        {
            "x": axis.x(item.event.time_s),
            "y": below + lanes.index(place) * ROW + ROW / 2,
            "kind": _kind(item),
            "item": item,
        }
        for item in events
        if (place := (item.event.topic, item.event.partition)) in lanes and item.event.time_s >= axis.start_s
    ]


def _kind(outcome: EventOutcome) -> str:
    if not outcome.is_read:
        return "unread"
    return "dropped" if outcome.is_dropped else "late" if outcome.is_late else "read"


def counts(events: Sequence[EventOutcome]) -> dict[str, int]:
    """Return how many of the events were read in time, late but counted, dropped, and not read yet."""
    kinds = [_kind(outcome) for outcome in events]
    return {kind: kinds.count(kind) for kind in ("read", "late", "dropped", "unread")}


def _ticks(axis: Axis) -> list[tuple[float, str]]:
    """Return some times of the axis with their places; the day is only in the first."""
    step = (axis.end_s - axis.start_s) / (TICKS - 1)
    times = [axis.start_s + number * step for number in range(TICKS)]
    return [(axis.x(time), clock(time) if not number else clock(time)[-8:]) for number, time in enumerate(times)]
