"""Count events per second and type, and draw the last minute as a chart."""

import time
from collections import Counter
from collections.abc import Iterable
from operator import add

from eventlab.widgets.follower import Event
from eventlab.widgets.html import render

WINDOW_S = 60
MAX_TYPES = 40
OTHERS = "(others)"
WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 900, 130, 46, 10, 18
COLOURS = ("#4c78a8", "#f58518", "#54a24b", "#b279a2", "#e45756", "#72b7b2", "#9d755d")
"""The colours of the event types, the last one for all others (from Tableau 10)."""


class EventCounter:
    """Counts the events of the last minute in bounded memory.

    An event counts in the second in which Kafka received it. An old event that is read again is therefore not
    counted as a new one.

    Attributes:
        seconds: The number of events of each type, by second since 1970.
        event_types: The types of these events, at most `MAX_TYPES`; events of further types count as `OTHERS`.
    """

    def __init__(self) -> None:
        self.seconds: dict[int, Counter[str]] = {}
        self.event_types: set[str] = set()

    def add(self, events: Iterable[Event], now: float | None = None) -> None:
        """Count events and delete counts that are older than a minute."""
        now_s = int(time.time() if now is None else now)
        for event in events:
            second = event.timestamp_ms // 1000
            if now_s - WINDOW_S <= second <= now_s + 1:
                self.seconds.setdefault(second, Counter())[self._type_of(event)] += 1
        for second in [second for second in self.seconds if second < now_s - WINDOW_S]:
            del self.seconds[second]

    def window(self, now: float | None = None) -> list[Counter[str]]:
        """Return the counts of the last `WINDOW_S` whole seconds, the oldest first."""
        last = int(time.time() if now is None else now)
        return [self.seconds.get(second, Counter()) for second in range(last - WINDOW_S, last)]

    def _type_of(self, event: Event) -> str:
        if event.event_type not in self.event_types:
            if len(self.event_types) >= MAX_TYPES:
                return OTHERS
            self.event_types.add(event.event_type)
        return event.event_type


def chart(window: list[Counter[str]]) -> str:
    """Return stacked bars, one per second, and a legend with the numbers, as HTML."""
    totals = sum(window, Counter())
    names = [name for name, _ in totals.most_common(len(COLOURS) - 1) if name != OTHERS]
    counts = {name: [second[name] for second in window] for name in sorted(names)}  # a type keeps its colour
    if len(totals) > len(names):
        counts[OTHERS] = [second.total() - sum(second[name] for name in names) for second in window]
    top = axis_end(max((second.total() for second in window), default=0))
    bottom, below = HEIGHT - BOTTOM, [0] * len(window)
    series = []
    for colour, (name, numbers) in zip(COLOURS, counts.items(), strict=False):
        path = _bars(numbers, below, top)
        series.append({"name": name, "colour": colour, "path": path, "total": sum(numbers), "latest": numbers[-1]})
        below = list(map(add, below, numbers))
    axis = [(value, bottom - (bottom - TOP) * value / top) for value in sorted({0, top // 2, top})]
    return render("event_chart", width=WIDTH, height=HEIGHT, left=LEFT, axis=axis, series=series)


def axis_end(highest: int) -> int:
    """Return a round number for the axis, at least `highest`: 2, 4 or 10 times a power of ten."""
    size = 1
    while highest > 10 * size:
        size *= 10
    return next(step * size for step in (2, 4, 10) if highest <= step * size)


def _bars(numbers: list[int], below: list[int], top: int) -> str:
    """Return the bars of one type as an SVG path, each above the bars of the types before it."""
    step, scale = (WIDTH - LEFT) / WINDOW_S, (HEIGHT - BOTTOM - TOP) / top
    bars = []
    for place, count in enumerate(numbers):
        if count:
            x, y = LEFT + place * step, HEIGHT - BOTTOM - below[place] * scale
            bars.append(f"M{x:.1f} {y:.1f}v{-count * scale:.1f}h{step - 1.5:.1f}v{count * scale:.1f}z")
    return "".join(bars)
