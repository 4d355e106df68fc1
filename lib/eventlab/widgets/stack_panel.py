"""The stack at a glance and at hand: states, addresses, memory, logs, and a button for all that can be done."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from html import escape

import ipywidgets

from eventlab.settings import Settings
from eventlab.settings import settings as default_settings
from eventlab.stack import Stack, process
from eventlab.stack.services import COURSE, SERVICES, select
from eventlab.stack.status import Status
from eventlab.widgets.panel import Panel, repeat
from eventlab.widgets.style import bad, light, link, note

POLL_S = 1.0
"""How often each process is looked at: half of what a change may take to be seen."""
ASK_S = 3.0
"""How often a service that runs is sent a request, which costs it and this kernel more than a look."""
LOG_LINES = 10
PAGES: dict[str, tuple[str, Callable[[Settings], str]]] = {
    "namenode": ("HDFS's page", lambda settings: settings.webhdfs_url),
    "spark": ("Spark's page", lambda settings: settings.spark_ui_url),
    "api": ("the game API", lambda settings: settings.api_url),
}


class StackPanel(Panel):
    """Shows every service as it is, within 2 s, whoever started or ended it; starts, stops and restarts it."""

    def __init__(self, services: Sequence[str] = COURSE, settings: Settings = default_settings) -> None:
        self.settings = settings
        self.rows = {service.name: Row(settings, service.name, self._act) for service in select(services)}
        self.log_of = ipywidgets.Dropdown(
            options=[("(no log)", ""), *((name, name) for name in self.rows)],
            value="",
            description="Log of",
            tooltip="The service whose log is shown",
            layout=ipywidgets.Layout(width="230px", margin="8px 0 2px 0"),
            style={"description_width": "46px"},
        )
        self.tail = ipywidgets.HTML()
        self.message = ipywidgets.HTML()
        children = [*(row.view for row in self.rows.values()), self.message, self.log_of, self.tail]
        super().__init__("The stack", f"StackPanel: {', '.join(self.rows)}", *children)
        self.log_of.observe(lambda change: self._show_log(), "value")
        for name in self.rows:
            self.in_background(f"watches {name}", repeat(POLL_S, lambda name=name: self._ask(name)))  # type: ignore[misc]
        self.in_background("reads a log", repeat(POLL_S, self._show_log))

    def _ask(self, name: str) -> None:
        """A thread each: one service that is slow to answer holds up no other's light."""
        row = self.rows[name]
        if row.is_as_it_was():
            return
        before = row.state
        row.show(Stack(self.settings).status([name])[0])
        if row.state == "crashed" and before == "running" and not self.log_of.value:
            self.log_of.value = name  # why is in there

    def _act(self, name: str, verb: str) -> None:
        self.message.value = ""
        self.rows[name].doing("waiting")  # one command at a time changes a stack
        self.at_once(f"{verb}s {name}", lambda ending: self._do(name, verb))

    def _do(self, name: str, verb: str) -> None:
        concerned = {name}

        def report(service: str, phase: str) -> None:
            if service in self.rows:
                concerned.add(service)
                self.rows[service].doing(phase.partition("\n")[0])

        try:
            if verb in ("stop", "restart"):
                Stack(self.settings, report=report).down([name])
            if verb in ("start", "restart"):
                Stack(self.settings, report=report).up([name])
        except Exception as error:  # shown where the click was: a thread has no other place to tell it
            self.message.value = bad(str(error))
        finally:
            for each in concerned:
                self.rows[each].done()
                self._ask(each)

    def _show_log(self) -> None:
        name = self.log_of.value
        if not name:
            self.tail.value = ""
            return
        tail = process.log_tail(self.settings, name, LOG_LINES)
        self.tail.value = (
            "<div class='eventlab-log' tabindex='0' role='log' aria-live='off' "
            f"aria-label='the last lines of the log of {name}'><pre>{escape(tail)}</pre></div>"
            if tail
            else note(f"{name} has no log yet.")
        )


class Row:
    """One service's line: what it is like, and two buttons, whose words say what they do to which service."""

    def __init__(self, settings: Settings, name: str, act: Callable[[str, str], None]) -> None:
        self.settings, self.name = settings, name
        self.is_external = SERVICES[name].is_external(settings)
        self.state, self.phase = "", ""
        self.last: Status | None = None
        self.asked_at = 0.0
        self._lock = threading.Lock()
        self.facts = ipywidgets.HTML(self._facts("asking", "asking…"), layout=ipywidgets.Layout(flex="1 1 auto"))
        self.power = ipywidgets.Button(
            description=f"Start {name}", disabled=True, layout=ipywidgets.Layout(width="132px")
        )
        self.again = ipywidgets.Button(
            description=f"Restart {name}", disabled=True, layout=ipywidgets.Layout(width="148px")
        )
        self.power.on_click(lambda button: act(name, "stop" if self._is_there() else "start"))
        self.again.on_click(lambda button: act(name, "restart"))
        self.view = ipywidgets.HBox(
            [self.facts, self.power, self.again],
            layout=ipywidgets.Layout(align_items="center", flex_flow="row wrap"),
        )

    def show(self, status: Status) -> None:
        self.last, self.state, self.asked_at = status, status.state, time.monotonic()
        self._draw()

    def is_as_it_was(self) -> bool:
        """Whether it answered a moment ago and its process is still the same: then it need not be asked again."""
        if self.last is None or self.state != "running" or time.monotonic() - self.asked_at > ASK_S:
            return False
        own = process.find(self.settings, self.name)
        return self.is_external or (own is not None and own.pid == self.last.pid)

    def doing(self, phase: str) -> None:
        """What is being done to it, until that is done."""
        self.phase = phase
        self._draw()

    def done(self) -> None:
        """What was being done is over; what came of it is asked for anew."""
        self.phase, self.asked_at = "", 0.0

    def _is_there(self) -> bool:
        return self.state == "running" or bool(self.last and self.last.pid)

    def _draw(self) -> None:
        with self._lock:
            self.facts.value = self._facts(
                "busy" if self.phase else self.state or "stopped", self.phase or self.state
            )
            self.power.description = f"{'Stop' if self._is_there() else 'Start'} {self.name}"
            self.power.disabled = self.is_external or bool(self.phase)
            self.again.disabled = self.power.disabled or self.state == "stopped"
            if self.is_external:
                self.power.tooltip = self.again.tooltip = f"{self.name} is run by somebody else"

    def _facts(self, state: str, label: str) -> str:
        """Name, light, address and memory, with nothing in it that changes while the service does not."""
        address = SERVICES[self.name].address(self.settings).partition("?")[0]
        place = f"<span>{escape(address)}</span>"
        if self.name in PAGES:
            what, page = PAGES[self.name]
            place = link(page(self.settings), what)
        rss = self.last.rss_bytes if self.last else 0
        memory = f"{rss / 2**20:,.0f} MiB" if rss else ""
        return (
            f"<div class='eventlab-row'><b>{self.name}</b>"
            f"<span role='status' aria-label='{self.name} is {escape(label)}'>{light(state, label)}</span>"
            f"{place}<span class='memory'>{memory}</span></div>"
        )
