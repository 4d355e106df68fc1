"""The game's API, to press: a button for each of its routes, as one player or as many at once."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from html import escape
from http import HTTPStatus

import ipywidgets

from eventlab.commands import ab
from eventlab.settings import Settings
from eventlab.settings import settings as default_settings
from eventlab.widgets.panel import Panel, discard, repeat
from eventlab.widgets.routes import NoRoutes, Route, running_routes
from eventlab.widgets.style import bad, light, note

POLL_S = 1.0
HOSTS = ("user1.comcast.com", "user2.att.com")
MOST_CALLS, MOST_AT_ONCE = 100_000, 256
KEPT = 6
SLICE = 50
"""Calls between two looks at whether to stop, and what has come so far."""


class GameConsole(Panel):
    """Calls the running API: whose routes it asks for again and again, so that a new one gets its button."""

    def __init__(self, settings: Settings = default_settings, hosts: Sequence[str] = HOSTS) -> None:
        self.api_url = settings.api_url
        self.routes: list[Route] = []
        self._results: deque[str] = deque(maxlen=KEPT)
        self._stop = threading.Event()
        self.host = ipywidgets.Combobox(
            value=hosts[0],
            options=list(hosts),
            description="Host",
            ensure_option=False,
            tooltip="The player's Host header",
        )
        self.count = ipywidgets.BoundedIntText(
            value=1, min=1, max=MOST_CALLS, description="Calls", tooltip="How many calls a button makes"
        )
        self.concurrency = ipywidgets.BoundedIntText(
            value=1,
            min=1,
            max=MOST_AT_ONCE,
            description="At once",
            tooltip="How many calls are under way at a time",
        )
        self.path = ipywidgets.Text(
            value="/", description="Path", tooltip="Any other path", continuous_update=False
        )
        self.call_path = ipywidgets.Button(description="Call this path", layout=ipywidgets.Layout(width="130px"))
        self.halt = ipywidgets.Button(
            description="Stop calling", disabled=True, layout=ipywidgets.Layout(width="120px")
        )
        for field, width in (
            (self.host, "250px"),
            (self.count, "160px"),
            (self.concurrency, "160px"),
            (self.path, "250px"),
        ):
            field.layout.width, field.style.description_width = width, "56px"
        self.buttons = ipywidgets.HBox(layout=ipywidgets.Layout(flex_flow="row wrap", margin="2px 0 6px 0"))
        self.message, self.results = ipywidgets.HTML(), ipywidgets.HTML(table([]))
        self.call_path.on_click(lambda button: self.call(Route("GET", self.path.value)))
        self.halt.on_click(lambda button: self._stop.set())
        super().__init__(
            "Play",
            "GameConsole: a button for each route of the running API",
            ipywidgets.HBox(
                [self.host, self.count, self.concurrency], layout=ipywidgets.Layout(flex_flow="row wrap")
            ),
            self.buttons,
            ipywidgets.HBox(
                [self.path, self.call_path, self.halt], layout=ipywidgets.Layout(flex_flow="row wrap")
            ),
            self.message,
            self.results,
        )
        self.in_background("asks for routes", repeat(POLL_S, self._refresh))

    def _refresh(self) -> None:
        try:
            routes = running_routes(self.api_url)
        except NoRoutes as error:
            routes, self.message.value = [], bad(str(error))
        else:
            if "role='alert'" in self.message.value:
                self.message.value = ""
        if routes != self.routes:
            self.routes = routes
            self._make_buttons()

    def _make_buttons(self) -> None:
        """New ones take the place of the old at once, so that the row does not jump."""
        old = self.buttons.children
        kept = {button.description: button for button in old}
        self.buttons.children = [kept.pop(route.label, None) or self._button(route) for route in self.routes]
        for button in kept.values():
            discard(button)

    def _button(self, route: Route) -> ipywidgets.Button:
        layout = ipywidgets.Layout(width="auto", padding="0 14px")
        button = ipywidgets.Button(description=route.label, button_style="primary", layout=layout)
        button.on_click(lambda pressed: self.call(route))
        return button

    def call(self, route: Route) -> None:
        """Call the route as the fields say; the answers appear as they come."""
        if route.has_blanks:
            self.path.value = route.path
            self.message.value = note("Fill in what stands between < and >, and press: Call this path")
            return
        if not self.halt.disabled:
            self.message.value = note("Calls are still under way: wait, or stop them.")
            return
        self._stop.clear()
        self.halt.disabled = False
        self.at_once(f"calls {route.path}", lambda ending: self._run(route, ending))

    def _run(self, route: Route, ending: threading.Event) -> None:
        host, count, concurrency = self.host.value.strip(), self.count.value, self.concurrency.value
        engine: ab.Engine | None = None

        def look(done: int) -> None:
            if self._stop.is_set() or ending.is_set():
                raise Halted
            if done % SLICE == 0 and engine and count > SLICE:
                self.message.value = note(f"{route.label}: {done:,} of {count:,} calls answered")

        try:
            path = route.path if route.path.startswith("/") else f"/{route.path}"
            headers = [f"Host: {host}"] if host else []
            plan = ab.Plan(self.api_url + path, count, min(concurrency, count), headers, route.method)
            engine = ab.Engine(plan, look)
            report = engine.run()
        except Halted:
            assert engine
            report = engine.report
        except (ValueError, ab.Aborted) as error:
            self.message.value = bad(f"{route.label}: {error}")
            return
        finally:
            self.halt.disabled = True
        self.message.value = note(f"{route.label} as {host or 'no host'}: {told(report.complete, count)}")
        self._results.appendleft(result_row(route, host, report))
        self.results.value = table(self._results)


class Halted(Exception):
    """The learner pressed stop, or the widget is being closed."""


def told(done: int, asked: int) -> str:
    calls = f"{done:,} call{'' if done == 1 else 's'} answered"
    return calls if done == asked else f"{calls}, stopped before {asked:,}"


def result_row(route: Route, host: str, report: ab.Report) -> str:
    median = f"{report.percentile_ms(50):,} ms" if report.complete else ""
    rate = f"{report.requests_per_second:,.0f} / s" if report.complete > 1 else ""
    body = " ".join(report.last_body.decode(errors="replace").split())
    return (
        f"<tr><td>{escape(route.label)}</td><td>{escape(host)}</td><td class='number'>{report.complete:,}</td>"
        f"<td>{statuses(report.statuses)}</td><td class='number'>{rate}</td><td class='number'>{median}</td>"
        f"<td title='{escape(body, quote=True)}'>{escape(body[:120])}</td></tr>"
    )


def statuses(counts: Mapping[str, int]) -> str:
    """Every status code with its meaning and how often it came; good ones look good, bad ones bad."""
    return ", ".join(
        light("running" if code.startswith("2") else "crashed", f"{code} {phrase(code)} ×{count:,}")
        for code, count in sorted(counts.items())
    )


def phrase(code: str) -> str:
    try:
        return HTTPStatus(int(code)).phrase
    except ValueError:
        return ""


def table(rows: Sequence[str] | deque[str]) -> str:
    if not rows:
        return note("No call yet. Press a route.")
    heads = (
        ("route", "23%", ""),
        ("Host", "17%", ""),
        ("calls", "7%", "number"),
        ("status", "20%", ""),
        ("rate", "9%", "number"),
        ("median", "9%", "number"),
        ("last answer", "15%", ""),
    )
    head = "".join(
        f"<th scope='col' class='{kind}' style='width:{width or 'auto'}'>{name}</th>"
        for name, width, kind in heads
    )
    return (
        "<table class='eventlab-table' aria-label='Answers of the game API, the latest first'>"
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )
