"""Show the latest events of a topic in a table, and the number of events per second and type in a chart."""

import threading
import time
from collections import deque

from ipywidgets import HTML, Dropdown

from eventlab.settings import Settings
from eventlab.settings import settings as default_settings
from eventlab.widgets.event_chart import EventCounter, chart
from eventlab.widgets.follower import Event, Follower, select_events
from eventlab.widgets.html import alert, render
from eventlab.widgets.panel import Panel, button, field, repeat, row, set_options

DRAW_S = 0.25
"""Seconds between two updates of the browser, however many events arrive."""
MAX_BUFFERED = 2000
MAX_HOSTS = 40
ROWS = 12
ALL = ("all", "")


class EventTail(Panel):
    """Follows a topic (by default that of the settings) from its end or its beginning, in bounded memory."""

    def __init__(self, topic: str | None = None, settings: Settings = default_settings) -> None:
        self.topic = topic or settings.topic
        self.received = 0
        self._counter = EventCounter()
        self._recent: deque[Event] = deque(maxlen=MAX_BUFFERED)
        self._shown: deque[Event] = deque(maxlen=ROWS)
        self._hosts: set[str] = set()
        self._lock = threading.Lock()
        self._drawn: tuple[object, ...] = ()
        self.follower = Follower(settings.bootstrap_servers, self.topic, self._add, self._reset)
        self.pause = button("Pause", self._toggle, "90px", tooltip="Stop reading and keep the position")
        self.to_beginning = button("Jump to the beginning", lambda: self.follower.jump_to("beginning"), "180px")
        self.to_end = button("Jump to the end", lambda: self.follower.jump_to("end"), "130px")
        self.event_type = field(Dropdown, "Event type", "Show events of this type only", options=[ALL])
        self.host = field(Dropdown, "Host", "Show events of this host only", "260px", options=[ALL])
        for selection in (self.event_type, self.host):
            selection.observe(lambda change: self._select(), "value")
        self.facts, self.chart, self.table = HTML(), HTML(), HTML()
        super().__init__(
            f"Events of the topic {self.topic}",
            f"EventTail: the latest events of topic {self.topic}",
            row(self.pause, self.to_beginning, self.to_end),
            row(self.event_type, self.host),
            self.facts,
            self.chart,
            self.table,
        )
        self.in_background(f"follows {self.topic}", self.follower.run)
        self.in_background(f"draws {self.topic}", repeat(DRAW_S, self._draw))

    def _add(self, events: list[Event]) -> None:
        """Keep a batch of events; the follower's thread calls this."""
        with self._lock:
            self.received += len(events)
            self._counter.add(events)
            self._recent.extend(events)
            self._shown.extend(select_events(events, self.event_type.value, self.host.value))
            if len(self._hosts) < MAX_HOSTS:
                self._hosts.update(event.host for event in events[-50:] if event.host)

    def _reset(self) -> None:
        with self._lock:
            self._counter.seconds.clear()
            self._recent.clear()
            self._shown.clear()
            self.received = 0

    def _select(self) -> None:
        with self._lock:
            self._shown.clear()
            self._shown.extend(select_events(self._recent, self.event_type.value, self.host.value))

    def _toggle(self) -> None:
        self.follower.is_paused = not self.follower.is_paused
        self.pause.description = "Resume" if self.follower.is_paused else "Pause"

    def _draw(self) -> None:
        """Send to the browser what has changed; the drawing thread calls this."""
        follower = self.follower
        with self._lock:
            events, received = list(reversed(self._shown)), self.received
            window = self._counter.window()
            event_types, hosts = sorted(self._counter.event_types), sorted(self._hosts)
        set_options(self.event_type, event_types, ALL)
        set_options(self.host, hosts, ALL)
        second = any(window) and int(time.time())  # the chart moves while there are events in it
        drawn = (received, events, follower.problem, follower.is_paused, follower.lag, second)
        if drawn == self._drawn:
            return
        self._drawn = drawn
        self.facts.value = alert(follower.problem) or render(
            "event_rate", follower=follower, rate=window[-1].total(), received=received, max_lag=MAX_BUFFERED
        )
        self.chart.value = chart(window)
        self.table.value = render("event_table", events=events)
