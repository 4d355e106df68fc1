"""Show the path of one event: the request, the topic's offset, the file's row, and the result in SQL."""

import threading

from ipywidgets import HTML, Combobox, Dropdown

from eventlab.settings import PLAYER_HOSTS, Settings
from eventlab.settings import settings as default_settings
from eventlab.widgets import tracing
from eventlab.widgets.html import alert, render
from eventlab.widgets.panel import Panel, button, field, repeat, row, set_options
from eventlab.widgets.routes import RoutesUnavailable, list_routes
from eventlab.widgets.tracing import Trace

POLL_S = 2.0
FIRST_ROUTE = "/purchase_a_sword"
MAX_MESSAGE = 600


class TraceEvent(Panel):
    """Sends one request and shows where its event is after each step; `follow` does the same without a browser.

    Args:
        topic: The topic to which the API sends events; without one, that of the settings.
    """

    def __init__(self, topic: str | None = None, settings: Settings = default_settings) -> None:
        self.settings, self.topic = settings, topic or settings.topic
        self.trace: Trace | None = None
        self.route = field(Dropdown, "Route", "The route to request", options=[FIRST_ROUTE])
        self.host = field(
            Combobox, "Host", "The player's Host header", value=PLAYER_HOSTS[0], options=PLAYER_HOSTS
        )
        self.send_button = button("Send and follow", self._on_click, "150px", button_style="primary")
        self.steps, self.message = HTML(), HTML()
        self._show(None, is_running=False)
        super().__init__(
            "One event, step by step",
            "TraceEvent: one event from its HTTP request to topic, partition and offset, Parquet file and SQL row",
            row(self.route, self.host, self.send_button),
            self.steps,
            self.message,
        )
        self.in_background("requests the routes to trace", repeat(POLL_S, self._refresh))

    def follow(self, route: str = FIRST_ROUTE, host: str = PLAYER_HOSTS[0]) -> Trace:
        """Send one request, show each step, and return where its event was found."""
        self.message.value = ""
        self._show(None, is_running=True)
        try:
            return tracing.trace_event(
                self.settings, self.topic, route, host, lambda trace: self._show(trace, is_running=True)
            )
        finally:
            self._show(self.trace, is_running=False)

    def _on_click(self) -> None:
        self.send_button.disabled = True
        self.run_in_thread("traces an event", self._run)

    def _run(self, closing: threading.Event) -> None:
        try:
            self.follow(self.route.value, self.host.value.strip())
        except Exception as error:  # a thread can report an error, such as one of Spark's, only here
            self.message.value = alert(str(error).partition("\n\n")[0][:MAX_MESSAGE])
        finally:
            self.send_button.disabled = False

    def _show(self, trace: Trace | None, *, is_running: bool) -> None:
        self.trace = trace
        self.steps.value = render("trace", trace=trace, is_running=is_running, header=tracing.HEADER)

    def _refresh(self) -> None:
        try:
            routes = list_routes(self.settings.api_url)
        except RoutesUnavailable:
            return
        paths = [route.path for route in routes if route.method == "GET" and not route.has_variables]
        if paths:
            set_options(self.route, paths)
