"""The base class of the widgets: a framed box with a title, a text for runs without a browser, and threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import ipywidgets

from eventlab.widgets import lifetime
from eventlab.widgets.html import render

JOIN_S = 5.0
"""Seconds to wait for the end of each thread; longer than any of its steps takes."""

Work = Callable[[threading.Event], None]
"""The function of a thread; it returns soon after the event is set."""


class Panel(ipywidgets.VBox):
    """A box of widgets whose threads start when it is shown for the first time.

    Args:
        title: The heading.
        text: A description in one line, for papermill, nbval and readers without a browser. It must not change
            from run to run: no times and no ids.
        *children: The widgets below the heading.
    """

    def __init__(self, title: str, text: str, *children: ipywidgets.Widget) -> None:
        super().__init__([ipywidgets.HTML(render("title", title=title)), *children])
        self.add_class("eventlab-panel")
        self.text = text
        self._work: list[tuple[str, Work]] = []
        self._threads: list[threading.Thread] = []
        self._closing = threading.Event()
        lifetime.register(self)

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

    def in_background(self, name: str, work: Work) -> None:
        """Register a function for a thread that runs while the panel is shown."""
        self._work.append((name, work))

    def start(self) -> None:
        """Start the registered threads; showing the panel calls this."""
        if self.is_closed:
            return
        work, self._work = self._work, []
        self._threads += [self.run_in_thread(name, function) for name, function in work]

    def run_in_thread(self, name: str, work: Work) -> threading.Thread:
        """Start a thread now, for an action that takes longer than a click may; `close()` does not wait for it."""

        def run() -> None:
            try:
                work(self._closing)
            except Exception:
                if not self.is_closed:  # closing breaks connections
                    raise

        thread = threading.Thread(target=run, name=f"eventlab {name}", daemon=True)
        thread.start()
        return thread

    def close(self) -> None:
        """End the threads and connections and remove the view; further calls do nothing."""
        if self.is_closed:
            return
        self._closing.set()
        lifetime.unregister(self)
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(JOIN_S)
        close_parts(self)
        super().close()


def repeat(seconds: float, step: Callable[[], None]) -> Work:
    """Return a thread's function that calls `step`, waits, and calls it again."""

    def work(closing: threading.Event) -> None:
        while not closing.is_set():
            step()
            closing.wait(seconds)

    return work


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
    kind: type[ipywidgets.Widget], label: str, tooltip: str, width: str, **options: Any
) -> ipywidgets.Widget:
    """Return an input field of a class of ipywidgets, with a width such as `250px`."""
    style = {"description_width": f"{max(46, 8 * len(label))}px"}
    return kind(description=label, tooltip=tooltip, layout={"width": width}, style=style, **options)


def row(*widgets: ipywidgets.Widget) -> ipywidgets.HBox:
    """Return the widgets side by side, in several lines where the page is narrow."""
    return ipywidgets.HBox(widgets, layout={"flex_flow": "row wrap", "align_items": "center"})
