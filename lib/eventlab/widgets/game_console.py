"""Call the game API with one button for each of its routes, one call at a time or many at once."""

import threading
from collections import deque
from http.client import responses

from ipywidgets import HTML, BoundedIntText, Button, Combobox, Text

from eventlab.commands import ab
from eventlab.settings import PLAYER_HOSTS, Settings
from eventlab.settings import settings as default_settings
from eventlab.widgets.html import alert, note, render
from eventlab.widgets.panel import Panel, button, close_parts, field, repeat, row
from eventlab.widgets.routes import Route, RoutesUnavailable, list_routes

POLL_S = 1.0
MAX_CALLS, MAX_CONCURRENCY = 100_000, 256
MAX_RESULTS = 6
REPORT_CALLS = 50
"""The number of calls between two updates of the message."""


class Cancelled(Exception):
    """The learner pressed "Stop calling", or the widget is closed."""


class GameConsole(Panel):
    """Shows a button for each route of the running API; a new route gets its button within seconds."""

    def __init__(self, settings: Settings = default_settings) -> None:
        self.api_url = settings.api_url
        self.routes: list[Route] = []
        self._results: deque[tuple[Route, str, int, ab.Report]] = deque(maxlen=MAX_RESULTS)
        self._cancel = threading.Event()
        self._routes_alert = ""
        self.host = field(
            Combobox, "Host", "The player's Host header", value=PLAYER_HOSTS[0], options=PLAYER_HOSTS
        )
        self.count = field(
            BoundedIntText, "Calls", "How many calls a button makes", "160px", value=1, min=1, max=MAX_CALLS
        )
        self.concurrency = field(
            BoundedIntText, "At once", "How many calls run at a time", "160px", value=1, min=1, max=MAX_CONCURRENCY
        )
        self.path = field(Text, "Path", "Any other path", value="/", continuous_update=False)
        self.call_path = button("Call this path", lambda: self.call(Route("GET", self.path.value)), "130px")
        self.stop = button("Stop calling", self._cancel.set, "120px", disabled=True)
        self.buttons = row()
        self.buttons.layout.margin = "2px 0 6px 0"
        self.message, self.results = HTML(), HTML(render("call_results", results=[]))
        super().__init__(
            "Play",
            "GameConsole: a button for each route of the running API",
            row(self.host, self.count, self.concurrency),
            self.buttons,
            row(self.path, self.call_path, self.stop),
            self.message,
            self.results,
        )
        self.in_background("requests the routes", repeat(POLL_S, self._refresh))

    def _refresh(self) -> None:
        try:
            routes, problem = list_routes(self.api_url), ""
        except RoutesUnavailable as error:
            routes, problem = [], alert(str(error))
        if problem or self.message.value == self._routes_alert:
            self.message.value = problem
        self._routes_alert = problem
        if routes != self.routes:
            self.routes = routes
            self._show_buttons()

    def _show_buttons(self) -> None:
        """Replace the row in one step, so that the page does not jump; buttons of the same routes stay."""
        existing = {child.description: child for child in self.buttons.children}
        self.buttons.children = [
            existing.pop(route.label, None) or self._button_of(route) for route in self.routes
        ]
        for unused in existing.values():
            close_parts(unused)
            unused.close()

    def _button_of(self, route: Route) -> Button:
        created = button(route.label, lambda: self.call(route), "auto", button_style="primary")
        created.layout.padding = "0 14px"
        return created

    def call(self, route: Route) -> None:
        """Call the route as often as the field `Calls` says, and show the results when they arrive."""
        if route.has_variables:
            self.path.value = route.path
            self.message.value = note("Replace the part between < and >, and press: Call this path")
        elif not self.stop.disabled:
            self.message.value = note("Calls are still running: wait, or stop them.")
        else:
            self._cancel.clear()
            self.stop.disabled = False
            self.run_in_thread(f"calls {route.path}", lambda closing: self._run(route, closing))

    def _run(self, route: Route, closing: threading.Event) -> None:
        host, count = self.host.value.strip(), self.count.value
        concurrency = min(self.concurrency.value, count)
        engine: ab.Engine | None = None

        def on_progress(done: int) -> None:
            if self._cancel.is_set() or closing.is_set():
                raise Cancelled
            if done % REPORT_CALLS == 0 and engine and count > REPORT_CALLS:
                self.message.value = note(f"{route.label}: {done:,} of {count:,} calls answered")

        try:
            url = f"{self.api_url}/{route.path.removeprefix('/')}"
            headers = [f"Host: {host}"] if host else []
            engine = ab.Engine(ab.Plan(url, count, concurrency, headers, route.method), on_progress)
            report = engine.run()
        except Cancelled:
            assert engine
            report = engine.report
        except (ValueError, ab.Aborted) as error:
            self.message.value = alert(f"{route.label}: {error}")
            return
        finally:
            self.stop.disabled = True
        done = report.complete
        stopped = "" if done == count else f", stopped before {count:,}"
        calls = f"{done:,} call{'' if done == 1 else 's'} answered{stopped}"
        self._results.appendleft((route, host, concurrency, report))
        self.results.value = render("call_results", results=self._results, phrases=responses)
        self.message.value = note(f"{route.label} as {host or 'no host'}: {calls}")
