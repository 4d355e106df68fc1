"""What all widgets have in common: a text that repeats, and an end that leaves nothing."""

import gc

import psutil
import pytest
from ipywidgets.widgets.widget import _instances

from eventlab.widgets import EventTail, GameConsole, StackPanel, TraceEvent
from eventlab.widgets.panel import Panel
from tests.widgets.helpers import threads, until

TEXTS = {
    StackPanel: "StackPanel: kafka, namenode, datanode, spark, api",
    GameConsole: "GameConsole: a button for each route of the running API",
    EventTail: "EventTail: the events of topic events as they come",
    TraceEvent: (
        "TraceEvent: one event from its HTTP request to topic, partition and offset, Parquet file and SQL row"
    ),
}


@pytest.mark.parametrize("kind", TEXTS, ids=lambda kind: kind.__name__)
def test_a_widget_says_in_text_what_it_is(kind):
    widget = kind()

    said = widget._repr_mimebundle_()
    widget.close()

    assert said["text/plain"] == TEXTS[kind]
    assert "application/vnd.jupyter.widget-view+json" in said


@pytest.mark.parametrize("kind", TEXTS, ids=lambda kind: kind.__name__)
def test_a_closed_widget_leaves_no_thread_and_no_model(kind):
    before, models = threads(), set(_instances)
    widget = kind()
    widget._repr_mimebundle_()
    assert threads() != before

    widget.close()
    widget.close()

    assert threads() == before
    assert set(_instances) == models


def test_a_widget_that_was_never_shown_does_no_work():
    before = threads()
    widget = StackPanel()

    assert threads() == before
    widget.close()


def test_a_closed_tail_leaves_no_connection(stack, topic, show):
    before = links()
    tail = show(EventTail(topic, stack))
    until(lambda: tail.follower.position)
    assert links() - before

    tail.close()
    gc.collect()

    assert links() <= before


def links():
    """The sockets of this process that are connected with something."""
    return {link.laddr for link in psutil.Process().net_connections(kind="tcp") if link.raddr}


def test_a_cell_that_is_run_again_ends_what_it_made_before(kernel):
    make = (
        "from eventlab.widgets import EventTail, StackPanel\n"
        "panel = StackPanel()\n"
        "tail = EventTail()\n"
        "display(panel, tail)"
    )
    count = "sum(t.name.startswith('eventlab ') for t in __import__('threading').enumerate())"
    kernel.run(make, cell="a")
    kernel.run("first = panel", cell="b")
    once = kernel.value(count)

    kernel.run(make, cell="a")

    assert kernel.value("first.is_closed, panel.is_closed") == (True, False)
    assert kernel.value(count) == once


def test_a_kernel_that_is_shut_down_closes_its_widgets_and_ends_by_itself(kernel, tmp_path):
    left = tmp_path / "left"
    kernel.run(
        "import atexit, pathlib, threading\n"
        "def tell():\n"  # registered before the widgets' own, so it runs after it
        "    names = [t.name for t in threading.enumerate() if t.name.startswith('eventlab ')]\n"
        f"    pathlib.Path({str(left)!r}).write_text(repr(names))\n"
        "atexit.register(tell)\n"
        "from eventlab.widgets import EventTail, StackPanel\n"
        "display(StackPanel(), EventTail())"
    )

    kernel.manager.request_shutdown()
    until(left.exists)

    assert left.read_text() == "[]"


def test_what_a_thread_fails_with_while_everything_is_closed_is_no_news(show, capfd):
    panel = show(Panel("A panel", "a panel"))

    def fail(ending):
        ending.wait()
        raise OSError("the connection was closed")

    thread = panel.at_once("fails", fail)
    panel.close()
    thread.join()

    assert capfd.readouterr().err == ""
