"""The base class of the widgets: a framed box with a title, a text for runs without a browser, and threads.

A cell that runs again creates a new widget. So the threads and connections of a widget end when its cell runs
again, when the kernel ends, or when its `close()` is called.
"""

import atexit
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import ipywidgets
from IPython import get_ipython

from eventlab.widgets.html import render

CLOSE_TIMEOUT_S = 1.0
"""Seconds to wait for the end of the threads of closed panels; an import in a thread may take longer."""

ThreadFunction = Callable[[threading.Event], None]
"""What a thread runs; it returns soon after the event is set."""


class Panel(ipywidgets.VBox):
    """A box of widgets whose threads start when it is shown for the first time.

    Args:
        text: A description in one line, for papermill, nbval and readers without a browser. It must not change
            from run to run: no times and no ids.
    """

    def __init__(self, title: str, text: str, *children: ipywidgets.Widget) -> None:
        super().__init__([ipywidgets.HTML(render("title", title=title)), *children])
        self.add_class("eventlab-panel")
        self.text = text
        self._functions: list[tuple[str, ThreadFunction]] = []
        self._threads: list[threading.Thread] = []
        self._closing = threading.Event()
        shell = get_ipython()
        _open_panels[self] = _running_cell(shell) if shell else None
        if shell and _close_panels_of_cell not in shell.events.callbacks["pre_run_cell"]:
            shell.events.register("pre_run_cell", _close_panels_of_cell)

    @property
    def is_closed(self) -> bool:
        """Return whether `close()` was called."""
        return self._closing.is_set()

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        """Start the threads, and return the live view for a browser and the text for other readers."""
        self.start()
        return {**(super()._repr_mimebundle_(**options) or {}), "text/plain": self.text}

    def __repr__(self) -> str:
        return self.text

    def in_background(self, name: str, function: ThreadFunction) -> None:
        """Register a function for a thread that runs while the panel is shown."""
        self._functions.append((name, function))

    def start(self) -> None:
        """Start the registered threads; showing the panel calls this."""
        if self.is_closed:
            return
        functions, self._functions = self._functions, []
        self._threads += [self.run_in_thread(name, function) for name, function in functions]

    def run_in_thread(self, name: str, function: ThreadFunction) -> threading.Thread:
        """Start a thread now, for an action that takes longer than a click may; `close()` does not wait for it."""

        def run() -> None:
            try:
                function(self._closing)
            except Exception:
                if not self.is_closed:  # closing breaks connections
                    raise

        thread = threading.Thread(target=run, name=f"eventlab {name}", daemon=True)
        thread.start()
        return thread

    def end_threads(self) -> list[threading.Thread]:
        """Set the event that ends the threads, and return them."""
        self._closing.set()
        threads, self._threads = self._threads, []
        return threads

    def close(self) -> None:
        """End the threads and connections and remove the view; further calls do nothing."""
        if self.comm is None:
            return
        _open_panels.pop(self, None)
        _wait_for(self.end_threads())
        close_parts(self)
        super().close()


_open_panels: dict[Panel, str | None] = {}
"""The open panels, with the cell that created each of them."""


def close_panels(panels: Iterable[Panel]) -> None:
    """Close the panels; their threads end at the same time."""
    panels = list(panels)
    _wait_for([thread for panel in panels for thread in panel.end_threads()])
    for panel in panels:
        panel.close()


@atexit.register
def _close_all() -> None:
    close_panels(_open_panels)


def _close_panels_of_cell(info: Any) -> None:
    """Close the panels that the cell created when it ran before."""
    running = (info.cell_id, (info.raw_cell or "").rstrip())
    close_panels(panel for panel, cell in _open_panels.items() if cell and cell in running)


def _running_cell(shell: Any) -> str | None:
    """Return the id of the running cell; JupyterLab sends it. Without an id, return the cell's source."""
    kernel = getattr(shell, "kernel", None)
    message = (kernel.get_parent("shell") if kernel else None) or {}
    return message.get("metadata", {}).get("cellId") or shell.history_manager.input_hist_raw[-1].rstrip()


def _wait_for(threads: Iterable[threading.Thread]) -> None:
    """Wait until the threads have ended, for all of them together at most CLOSE_TIMEOUT_S seconds."""
    deadline = time.monotonic() + CLOSE_TIMEOUT_S
    for thread in threads:
        if thread is not threading.current_thread():
            thread.join(max(0.0, deadline - time.monotonic()))


def repeat(seconds: float, step: Callable[[], None]) -> ThreadFunction:
    """Return a thread's function that calls `step`, waits, and calls it again."""

    def function(closing: threading.Event) -> None:
        while not closing.is_set():
            step()
            closing.wait(seconds)

    return function


def close_parts(widget: ipywidgets.Widget) -> None:
    """Close the widgets inside a widget, which ipywidgets keeps as long as the kernel runs."""
    parts = (getattr(widget, "layout", None), getattr(widget, "style", None), *getattr(widget, "children", ()))
    for part in parts:
        if part is not None:
            close_parts(part)
            part.close()


def button(text: str, on_click: Callable[[], object], width: str, **options: Any) -> ipywidgets.Button:
    """Return a button; `on_click` is called without arguments."""
    created = ipywidgets.Button(description=text, layout={"width": width}, **options)
    created.on_click(lambda _: on_click())
    return created


def field(
    widget_class: type[ipywidgets.Widget], label: str, tooltip: str, width: str = "250px", **options: Any
) -> ipywidgets.Widget:
    """Return an input field of a class of ipywidgets."""
    style = {"description_width": f"{max(46, 8 * len(label))}px"}
    return widget_class(description=label, tooltip=tooltip, layout={"width": width}, style=style, **options)


def set_options(choice: ipywidgets.Dropdown, values: list[str], *first: tuple[str, str]) -> None:
    """Replace the options of a selection by `first` and the values; keep what is selected if it is among them."""
    options = [*first, *((value, value) for value in values)]
    if list(choice.options) != options:
        selected = choice.value
        choice.options = options  # this selects the first one
        if (selected, selected) in options:
            choice.value = selected


def row(*widgets: ipywidgets.Widget) -> ipywidgets.HBox:
    """Return the widgets side by side; on a narrow page they wrap to several lines."""
    return ipywidgets.HBox(widgets, layout={"flex_flow": "row wrap", "align_items": "center"})
