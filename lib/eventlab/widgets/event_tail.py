"""A topic as it grows: its latest events in a table, and how many of each type come in a second."""

from __future__ import annotations

import threading
import time
from collections import deque
from html import escape

import ipywidgets

from eventlab.settings import Settings
from eventlab.settings import settings as default_settings
from eventlab.widgets.follower import Event, Follower, matching
from eventlab.widgets.panel import Panel, repeat
from eventlab.widgets.style import bad
from eventlab.widgets.tally import Tally, chart

DRAW_S = 0.25
"""The browser is told four times a second at most, however many events come."""
BUFFERED = 2000
ROWS = 12
MOST_CHOICES = 40
ALL = ("all", "")


class EventTail(Panel):
    """Follows a topic from its end, or from its beginning; what it keeps is bounded, however long it runs."""

    def __init__(self, topic: str | None = None, settings: Settings = default_settings, rows: int = ROWS) -> None:
        self.topic = topic or settings.topic
        self.tally = Tally()
        self.read = 0
        self._recent: deque[Event] = deque(maxlen=BUFFERED)
        self._shown: deque[Event] = deque(maxlen=rows)
        self._hosts: set[str] = set()
        self._lock = threading.Lock()
        self._drawn: tuple[object, ...] = ()
        self.follower = Follower(settings, self.topic, self._take, self._forget)
        narrow = ipywidgets.Layout(width="90px")
        self.pause = ipywidgets.Button(description="Pause", tooltip="Stop reading, keep the place", layout=narrow)
        wide = ipywidgets.Layout(width="180px")
        self.to_beginning = ipywidgets.Button(description="Jump to the beginning", layout=wide)
        self.to_end = ipywidgets.Button(description="Jump to the end", layout=ipywidgets.Layout(width="130px"))
        self.kind = ipywidgets.Dropdown(
            options=[ALL], description="Event type", tooltip="Show events of this type only"
        )
        self.host = ipywidgets.Dropdown(options=[ALL], description="Host", tooltip="Show events of this host only")
        for field, width, label in ((self.kind, "250px", "74px"), (self.host, "260px", "50px")):
            field.layout.width, field.style.description_width = width, label
            field.observe(lambda change: self._filter(), "value")
        self.facts, self.chart, self.table = ipywidgets.HTML(), ipywidgets.HTML(), ipywidgets.HTML()
        self.pause.on_click(lambda button: self._toggle())
        self.to_beginning.on_click(lambda button: self.follower.jump("beginning"))
        self.to_end.on_click(lambda button: self.follower.jump("end"))
        row = ipywidgets.Layout(flex_flow="row wrap", align_items="center")
        super().__init__(
            f"Events of the topic {escape(self.topic)}",
            f"EventTail: the events of topic {self.topic} as they come",
            ipywidgets.HBox([self.pause, self.to_beginning, self.to_end], layout=row),
            ipywidgets.HBox([self.kind, self.host], layout=row),
            self.facts,
            self.chart,
            self.table,
        )
        self.in_background(f"follows {self.topic}", self.follower.work)
        self.in_background(f"draws {self.topic}", repeat(DRAW_S, self._draw))

    def _take(self, events: list[Event]) -> None:
        """Called by the thread that reads."""
        with self._lock:
            self.read += len(events)
            self.tally.add(events)
            self._recent.extend(events)
            self._shown.extend(matching(events, self.kind.value, self.host.value))
            if len(self._hosts) < MOST_CHOICES:
                self._hosts.update(event.host for event in events[-50:] if event.host)

    def _forget(self) -> None:
        with self._lock:
            self.tally.clear()
            self._recent.clear()
            self._shown.clear()
            self.read = 0

    def _filter(self) -> None:
        with self._lock:
            self._shown.clear()
            self._shown.extend(matching(self._recent, self.kind.value, self.host.value))

    def _toggle(self) -> None:
        self.follower.is_paused = not self.follower.is_paused
        self.pause.description = "Go on" if self.follower.is_paused else "Pause"

    def _draw(self) -> None:
        """Called by the thread that draws: only what has changed is sent."""
        follower = self.follower
        with self._lock:
            events, read = list(self._shown), self.read
            window = self.tally.window()
            kinds, hosts = sorted(self.tally.kinds), sorted(self._hosts)
        self._offer(self.kind, kinds)
        self._offer(self.host, hosts)
        busy = any(window)
        drawn = (read, events, follower.problem, follower.is_paused, follower.behind, busy and int(time.time()))
        if drawn == self._drawn:
            return
        self._drawn = drawn
        self.facts.value = bad(follower.problem) or facts(read, follower, sum(window[-1].values()))
        self.chart.value = chart(window)
        self.table.value = table(events)

    def _offer(self, choice: ipywidgets.Dropdown, values: list[str]) -> None:
        """Add what is new to a filter's choices; what is chosen stays chosen."""
        options = [ALL, *((value, value) for value in values)]
        if list(choice.options) != options:
            chosen = choice.value
            choice.options = options  # chooses the first
            choice.value = chosen


def facts(read: int, follower: Follower, rate: int) -> str:
    paused = "<b>paused</b> · " if follower.is_paused else ""
    behind = f" · {follower.behind:,} behind" if follower.behind > BUFFERED else ""
    return f"<div class='eventlab-note'>{paused}{rate:,} events in the last second · {read:,} read{behind}</div>"


def table(events: list[Event]) -> str:
    """The latest first, with the place of each in the topic."""
    heads = (
        ("partition", "8%", "number"),
        ("offset", "9%", "number"),
        ("time", "12%", ""),
        ("event type", "16%", ""),
        ("Host", "17%", ""),
        ("other fields", "38%", ""),
    )
    head = "".join(
        f"<th scope='col' class='{kind}' style='width:{width}'>{name}</th>" for name, width, kind in heads
    )
    rows = "".join(row(event) for event in reversed(events))
    return (
        "<table class='eventlab-table' aria-label='The latest events, the last one first'>"
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    )


def row(event: Event) -> str:
    seconds, milliseconds = divmod(event.timestamp_ms, 1000)
    when = f"{time.strftime('%H:%M:%S', time.localtime(seconds))}.{milliseconds:03d}"
    return (
        f"<tr><td class='number'>{event.partition}</td><td class='number'>{event.offset}</td><td>{when}</td>"
        f"<td>{escape(event.kind)}</td><td>{escape(event.host)}</td>"
        f"<td title='{escape(event.text, quote=True)}'>{escape(event.text)}</td></tr>"
    )
