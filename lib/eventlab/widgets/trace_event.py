"""One event's way, step by step: the request, the topic's offset, the file's row, the answer in SQL."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from html import escape

import ipywidgets

from eventlab.settings import Settings
from eventlab.settings import settings as default_settings
from eventlab.widgets import tracing
from eventlab.widgets.panel import Panel, repeat
from eventlab.widgets.routes import NoRoutes, running_routes
from eventlab.widgets.style import bad
from eventlab.widgets.tracing import Trace

HOSTS = ("user1.comcast.com", "user2.att.com")
POLL_S = 2.0
STEPS = ("HTTP request", "Kafka", "Parquet", "SQL")
WAITING = (
    "A player calls the game API.",
    "The API appends the event to a partition of the topic.",
    "Spark writes the topic's events to a file on HDFS.",
    "Anybody asks for the row.",
)


class TraceEvent(Panel):
    """Sends one request and shows where its event is at every station; `follow` does it without a browser."""

    def __init__(
        self,
        topic: str | None = None,
        settings: Settings = default_settings,
        path: str = tracing.PATH,
        hosts: Sequence[str] = HOSTS,
    ) -> None:
        self.settings, self.topic, self.path = settings, topic or settings.topic, path
        self.trace: Trace | None = None
        self.route = ipywidgets.Dropdown(options=["/"], description="Route", tooltip="What the player calls")
        self.host = ipywidgets.Combobox(
            value=hosts[0], options=list(hosts), description="Host", tooltip="The player's Host"
        )
        for each in (self.route, self.host):
            each.layout.width, each.style.description_width = "250px", "46px"
        self.go = ipywidgets.Button(
            description="Send and follow", button_style="primary", layout=ipywidgets.Layout(width="150px")
        )
        self.go.on_click(lambda button: self._press())
        self.steps, self.message = ipywidgets.HTML(steps(None, False)), ipywidgets.HTML()
        super().__init__(
            "One event, all the way",
            "TraceEvent: one event from its HTTP request to topic, partition and offset, Parquet file and SQL row",
            ipywidgets.HBox([self.route, self.host, self.go], layout=ipywidgets.Layout(flex_flow="row wrap")),
            self.steps,
            self.message,
        )
        self.in_background("asks for routes to trace", repeat(POLL_S, self._refresh))

    def follow(self, route: str = "/purchase_a_sword", host: str = HOSTS[0]) -> Trace:
        """Send one request and return where its event was found; the widget shows it too. Raises LostTrack."""
        self.message.value = ""
        self._show(None, True)
        try:
            return tracing.follow(
                self.settings, self.topic, route, host, self.path, lambda trace: self._show(trace, True)
            )
        finally:
            self._show(self.trace, False)

    def _press(self) -> None:
        self.trace, self.go.disabled = None, True
        self.at_once("traces an event", self._trace)

    def _trace(self, ending: threading.Event) -> None:
        try:
            self.follow(self.route.value, self.host.value.strip())
        except Exception as error:  # Spark's, Kafka's or LostTrack: shown where the click was
            self.message.value = bad(str(error).partition("\n\n")[0][:600])
        finally:
            self.go.disabled = False

    def _show(self, trace: Trace | None, is_under_way: bool) -> None:
        self.trace = trace
        self.steps.value = steps(trace, is_under_way)

    def _refresh(self) -> None:
        try:
            paths = [route.path for route in running_routes(self.settings.api_url) if route.method == "GET"]
        except NoRoutes:
            return
        paths = [path for path in paths if "<" not in path]
        if paths and paths != list(self.route.options):
            chosen = self.route.value if self.route.value != "/" else "/purchase_a_sword"
            self.route.options = paths  # chooses the first
            if chosen in paths:
                self.route.value = chosen


def steps(trace: Trace | None, is_under_way: bool) -> str:
    """The stations as a list: done ones with what was found there, the one under way, and those to come."""
    found = [describe(trace, number) for number in range(len(STEPS))]
    done = next((number for number, text in enumerate(found) if text is None), len(STEPS))
    items = []
    for number, name in enumerate(STEPS):
        state = "done" if number < done else "doing" if number == done and is_under_way else "to-do"
        said = {"done": "done: ", "doing": "under way: ", "to-do": "to come: "}[state]
        mark = "✓" if state == "done" else number + 1
        items.append(
            f"<li class='{state}'><span class='mark' aria-hidden='true'>{mark}</span>"
            f"<b aria-label='{said}{name}'>{name}</b><span>{found[number] or escape(WAITING[number])}</span></li>"
        )
    return f"<ol class='eventlab-steps' role='list' aria-label='Stations of the event'>{''.join(items)}</ol>"


def describe(trace: Trace | None, number: int) -> str | None:
    """What was found at a station, as HTML; None when nothing was, yet."""
    if trace is None:
        return None
    if number == 0 and trace.status is not None:
        return (
            f"<code>{escape(trace.request)}</code> with <code>{tracing.HEADER}: {trace.id}</code><br>"
            f"answered <b>{trace.status}</b> {escape(trace.answer or '')}"
        )
    if number == 1 and trace.offset is not None:
        when = time.strftime("%H:%M:%S", time.localtime((trace.timestamp_ms or 0) / 1000))
        return (
            f"topic <b>{escape(trace.topic or '')}</b>, partition <b>{trace.partition}</b>, "
            f"offset <b>{trace.offset}</b>, at {when}"
        )
    if number == 2 and trace.file is not None:
        return f"row <b>{trace.row_index}</b> of <code>{escape(trace.file)}</code>"
    if number == 3 and trace.query is not None and trace.row:
        values = ", ".join(f"{escape(name)} = <b>{escape(str(value))}</b>" for name, value in trace.row.items())
        return f"<code>{escape(trace.query)}</code><br>{values}"
    return None
