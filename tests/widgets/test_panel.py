"""All widgets have a text that does not change, and `close()` ends their threads and connections."""

import gc
import threading

import psutil
import pytest
from ipywidgets.widgets.widget import _instances

from eventlab.stack.stack import ServiceStatus
from eventlab.widgets import EventTail, GameConsole, StackPanel, TraceEvent
from eventlab.widgets.panel import CLOSE_TIMEOUT_S, Panel, close_panels
from eventlab.widgets.routes import Route
from eventlab.widgets.stack_panel import ServiceRow
from tests.helpers import Stopwatch, wait_until
from tests.widgets.helpers import threads

TEXTS = {
    StackPanel: "StackPanel: kafka, namenode, datanode, spark, api",
    GameConsole: "GameConsole: a button for each route of the running API",
    EventTail: "EventTail: the latest events of topic events",
    TraceEvent: (
        "TraceEvent: one event from its HTTP request to topic, partition and offset, Parquet file and SQL row"
    ),
}
SHOW_TWO_WIDGETS = """
import eventlab.widgets.panel
from eventlab.widgets import EventTail, StackPanel
eventlab.widgets.panel.CLOSE_TIMEOUT_S = 30  # on a busy machine, a service answers slowly
panel, tail = StackPanel(), EventTail()
display(panel, tail)
"""
WAIT_FOR_PROBES = """
import time
while not all(row.status for row in panel.rows.values()):  # the first probe of Spark imports pyspark: seconds
    time.sleep(0.1)
"""


@pytest.fixture
def patient(monkeypatch):
    """Let `close` wait for threads as long as they need: on a busy machine, a service answers slowly."""
    monkeypatch.setattr("eventlab.widgets.panel.CLOSE_TIMEOUT_S", 30)


@pytest.mark.parametrize("widget_class", TEXTS, ids=lambda widget_class: widget_class.__name__)
def test_a_widget_describes_itself_in_text(widget_class):
    widget = widget_class()

    bundle = widget._repr_mimebundle_()
    widget.close()

    assert bundle["text/plain"] == TEXTS[widget_class]
    assert "application/vnd.jupyter.widget-view+json" in bundle


@pytest.mark.parametrize("widget_class", TEXTS, ids=lambda widget_class: widget_class.__name__)
def test_a_closed_widget_leaves_no_thread_and_no_model(widget_class, patient):
    before, models = threads(), set(_instances)
    widget = widget_class()
    widget._repr_mimebundle_()
    assert threads() != before

    widget.close()
    widget.close()

    assert threads() == before
    assert set(_instances) == models


def test_a_widget_that_is_not_shown_has_no_threads():
    before = threads()
    widget = StackPanel()

    assert threads() == before
    widget.close()


def test_a_closed_tail_leaves_no_connection(stack, topic, show, patient):
    before = connections()
    tail = show(EventTail(topic, stack))
    wait_until(lambda: tail.follower.position)
    assert connections() - before

    tail.close()
    gc.collect()

    assert connections() <= before


def connections():
    """Return the local addresses of the open TCP connections of this process."""
    return {link.laddr for link in psutil.Process().net_connections(kind="tcp") if link.raddr}


def test_a_cell_that_runs_again_closes_the_widgets_of_its_first_run(kernel):
    source = f"{SHOW_TWO_WIDGETS}\n{WAIT_FOR_PROBES}"
    count = "sum(t.name.startswith('eventlab ') for t in __import__('threading').enumerate())"
    kernel.run(source, cell="a")
    kernel.run("first = panel", cell="b")
    threads_of_one_run = kernel.value(count)

    kernel.run(source, cell="a")

    assert kernel.value("first.is_closed, panel.is_closed") == (True, False)
    assert kernel.value(count) == threads_of_one_run


def test_a_kernel_that_is_shut_down_closes_its_widgets(kernel, tmp_path):
    report = tmp_path / "threads"
    kernel.run(
        "import atexit, pathlib, threading\n"
        "def list_threads():\n"  # registered before the widgets' function, so it runs after it
        "    names = [t.name for t in threading.enumerate() if t.name.startswith('eventlab ')]\n"
        f"    pathlib.Path({str(report)!r}).write_text(repr(names))\n"
        "atexit.register(list_threads)\n"
        f"{SHOW_TWO_WIDGETS}\n{WAIT_FOR_PROBES}"
    )

    kernel.manager.request_shutdown()
    wait_until(lambda: report.exists() and report.read_text(), 60)

    assert report.read_text() == "[]"


def test_panels_that_are_closed_wait_for_their_slow_threads_together(show):
    importing = threading.Event()
    panels = [show(Panel(name, name)) for name in ("first", "second")]
    for panel in panels:
        for number in range(3):
            panel.in_background(f"imports {number}", lambda closing: importing.wait(20))
        panel.start()
    taken = Stopwatch()

    close_panels(panels)

    assert taken.seconds < CLOSE_TIMEOUT_S + 0.5
    assert all(panel.is_closed and panel.comm is None for panel in panels)
    importing.set()
    wait_until(lambda: not any("imports" in name for name in threads()))


def test_an_error_of_a_thread_during_close_is_not_printed(show, capfd):
    panel = show(Panel("A panel", "a panel"))

    def fail(closing):
        closing.wait()
        raise OSError("the connection was closed")

    thread = panel.run_in_thread("fails", fail)
    panel.close()
    thread.join()

    assert capfd.readouterr().err == ""


def test_the_buttons_of_unchanged_routes_stay_and_unused_ones_are_closed():
    console = GameConsole()
    console.routes = [Route("GET", "/"), Route("GET", "/purchase_a_sword")]
    console._show_buttons()
    first, second = console.buttons.children

    console.routes = [Route("GET", "/purchase_a_sword"), Route("GET", "/join_a_guild")]
    console._show_buttons()
    buttons = console.buttons.children
    console.close()

    assert [button.description for button in buttons] == ["GET /purchase_a_sword", "GET /join_a_guild"]
    assert buttons[0] is second
    assert first.comm is None


def test_the_row_of_a_service_shows_the_phase_of_a_command(settings):
    row = ServiceRow(settings, "api", lambda name, action: None)

    row.show_phase("starting")
    assert "starting" in row.facts.value

    row.end_phase()
    row.show(ServiceStatus("api", "stopped", None, settings.api_url, 0, 0.0))
    assert "starting" not in row.facts.value
