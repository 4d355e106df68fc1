"""Show the state, address, memory and log of every service, with buttons to start, stop and restart it."""

import threading
import time
from collections.abc import Callable, Sequence

from ipywidgets import HTML, Dropdown

from eventlab.settings import Settings
from eventlab.settings import settings as default_settings
from eventlab.stack import Stack, process
from eventlab.stack.services import COURSE, SERVICES, select
from eventlab.stack.stack import ServiceStatus
from eventlab.widgets.html import alert, render
from eventlab.widgets.panel import Panel, button, field, repeat, row

POLL_S = 1.0
"""Seconds between two checks of a service's process; a change must be visible within twice this time."""
PROBE_S = 3.0
"""Seconds between two requests to a running service; a request costs more than a check of the process."""
LOG_LINES = 10


class StackPanel(Panel):
    """Shows each service's state, at most 2 s old, also when another command starts or stops the service."""

    def __init__(self, services: Sequence[str] = COURSE, settings: Settings = default_settings) -> None:
        self.settings = settings
        names = [service.name for service in select(services)]
        self.rows = {name: ServiceRow(settings, name, self._on_click) for name in names}
        logs = [("(no log)", ""), *((name, name) for name in self.rows)]
        self.log_of = field(Dropdown, "Log of", "The service whose log is shown", "230px", options=logs)
        self.log_of.layout.margin = "8px 0 2px 0"
        self.log_view, self.message = HTML(), HTML()
        views = [service_row.view for service_row in self.rows.values()]
        super().__init__(
            "The stack", f"StackPanel: {', '.join(self.rows)}", *views, self.message, self.log_of, self.log_view
        )
        self.log_of.observe(lambda change: self._show_log(), "value")
        for name in self.rows:  # one thread per service: a slow answer does not delay the others
            self.in_background(f"watches {name}", repeat(POLL_S, lambda name=name: self._update(name)))  # type: ignore[misc]
        self.in_background("reads a log", repeat(POLL_S, self._show_log))

    def _update(self, name: str) -> None:
        service_row = self.rows[name]
        if service_row.is_current():
            return
        before = service_row.state
        service_row.show(Stack(self.settings).status([name])[0])
        if service_row.state == "crashed" and before == "running" and not self.log_of.value:
            self.log_of.value = name

    def _on_click(self, name: str, verb: str) -> None:
        self.message.value = ""
        self.rows[name].show_phase("waiting")  # one command at a time changes a stack
        self.run_in_thread(f"{verb}s {name}", lambda closing: self._run(name, verb))

    def _run(self, name: str, verb: str) -> None:
        changed = {name}

        def report(service: str, phase: str) -> None:
            if service in self.rows:
                changed.add(service)
                self.rows[service].show_phase(phase.partition("\n")[0])

        try:
            if verb in ("stop", "restart"):
                Stack(self.settings, report=report).down([name])
            if verb in ("start", "restart"):
                Stack(self.settings, report=report).up([name])
        except Exception as error:  # a thread can report an error only here
            self.message.value = alert(str(error))
        finally:
            for service in changed:
                self.rows[service].end_phase()
                self._update(service)

    def _show_log(self) -> None:
        name = self.log_of.value
        lines = process.log_tail(self.settings, name, LOG_LINES) if name else ""
        self.log_view.value = render("service_log", name=name, lines=lines)


class ServiceRow:
    """The row of one service: its state, address and memory, and two buttons that name it.

    Its buttons call `on_click` with the name and `start`, `stop` or `restart`.
    """

    def __init__(self, settings: Settings, name: str, on_click: Callable[[str, str], None]) -> None:
        self.settings, self.name = settings, name
        self.is_external = SERVICES[name].is_external(settings)
        self.state, self.phase = "unknown", ""
        self.status: ServiceStatus | None = None
        self.probed_at = 0.0
        self._lock = threading.Lock()
        self.facts = HTML(layout={"flex": "1 1 auto"})
        self.power = button("", lambda: on_click(name, "stop" if self._can_stop() else "start"), "132px")
        self.restart = button(f"Restart {name}", lambda: on_click(name, "restart"), "148px")
        if self.is_external:
            self.power.tooltip = self.restart.tooltip = f"eventlab did not start {name} and cannot stop it"
        self._draw()
        self.view = row(self.facts, self.power, self.restart)

    def show(self, status: ServiceStatus) -> None:
        """Show a new status."""
        self.status, self.state, self.probed_at = status, status.state, time.monotonic()
        self._draw()

    def is_current(self) -> bool:
        """Return whether the service answered a moment ago and its process is still the same."""
        if self.status is None or self.state != "running" or time.monotonic() - self.probed_at > PROBE_S:
            return False
        running = process.find(self.settings, self.name)
        return self.is_external or (running is not None and running.pid == self.status.pid)

    def show_phase(self, phase: str) -> None:
        """Show what a command is doing with the service, until `end_phase`."""
        self.phase = phase
        self._draw()

    def end_phase(self) -> None:
        """End the phase; the next update probes the service."""
        self.phase, self.probed_at = "", 0.0

    def _can_stop(self) -> bool:
        return self.state == "running" or bool(self.status and self.status.pid)

    def _draw(self) -> None:
        """Show what is known; the text changes only when the service does."""
        label, setting = SERVICES[self.name].web_page or ("", "")
        with self._lock:
            self.facts.value = render(
                "service",
                name=self.name,
                state="busy" if self.phase else self.state,
                label=self.phase or (self.state if self.status else "checking"),
                page={"label": label, "url": getattr(self.settings, setting)} if setting else None,
                address=SERVICES[self.name].address(self.settings).partition("?")[0],
                rss_bytes=self.status.rss_bytes if self.status else 0,
            )
            self.power.description = f"{'Stop' if self._can_stop() else 'Start'} {self.name}"
            self.power.disabled = self.is_external or bool(self.phase) or self.status is None
            self.restart.disabled = self.power.disabled or self.state == "stopped"
