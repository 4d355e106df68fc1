"""What every widget is built on: a framed box with a title, a text for headless runs, and an orderly end."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import ipywidgets

from eventlab.widgets import lifetime as lifecycle
from eventlab.widgets.style import style

JOIN_S = 5.0
"""How long an end waits for each thread: longer than any of its steps takes."""

Work = Callable[[threading.Event], None]
"""What a thread does until the event is set."""


class Panel(ipywidgets.VBox):
    """A box of widgets whose threads begin when it is first shown.

    title: what stands above it.
    text: the same in one line, for papermill, nbval and whoever reads without a browser; no clocks, no ids.
    """

    def __init__(self, title: str, text: str, *children: ipywidgets.Widget) -> None:
        heading = f"{style()}<div class='eventlab-title' role='heading' aria-level='3'>{title}</div>"
        super().__init__([ipywidgets.HTML(heading), *children])
        self.add_class("eventlab-panel")
        self.text = text
        self._work: list[tuple[str, Work]] = []
        self._threads: list[threading.Thread] = []
        self._ending = threading.Event()
        lifecycle.begin(self)

    @property
    def is_closed(self) -> bool:
        return self._ending.is_set()

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        """The live view for a browser and the text for everybody else; showing it is what starts it."""
        self.start()
        return {**(super()._repr_mimebundle_(**options) or {}), "text/plain": self.text}

    def __repr__(self) -> str:
        return self.text

    def in_background(self, name: str, work: Work) -> None:
        """Have a thread do this from when the panel is shown until it is closed."""
        self._work.append((name, work))

    def start(self) -> None:
        """Begin to work; showing the panel does it."""
        if self._ending.is_set():
            return
        work, self._work = self._work, []
        for name, each in work:
            self._threads.append(self._begin(name, each))

    def at_once(self, name: str, work: Work) -> threading.Thread:
        """Do something now that takes longer than a click may; closing does not wait for it."""
        return self._begin(name, work)

    def close(self) -> None:
        """End threads and connections and take the view away; a second time does nothing."""
        if self._ending.is_set():
            return
        self._ending.set()
        lifecycle.end(self)
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(JOIN_S)
        for child in self.children:
            discard(child)
        discard_own(self)
        super().close()

    def _begin(self, name: str, work: Work) -> threading.Thread:
        def run() -> None:
            try:
                work(self._ending)
            except Exception:
                if not self._ending.is_set():  # what breaks because everything is being closed is no news
                    raise

        thread = threading.Thread(target=run, name=f"eventlab {name}", daemon=True)
        thread.start()
        return thread


def repeat(seconds: float, step: Callable[[], None]) -> Work:
    """Do the step again and again, that long apart."""

    def work(ending: threading.Event) -> None:
        while not ending.is_set():
            step()
            ending.wait(seconds)

    return work


def discard(widget: ipywidgets.Widget) -> None:
    """Close a widget with all that is in it: ipywidgets would keep each for as long as the kernel lives."""
    for child in _children(widget):
        discard(child)
    discard_own(widget)
    widget.close()


def discard_own(widget: ipywidgets.Widget) -> None:
    for name in ("layout", "style"):
        with contextlib.suppress(AttributeError):
            getattr(widget, name).close()


def _children(widget: ipywidgets.Widget) -> Iterator[ipywidgets.Widget]:
    yield from getattr(widget, "children", ())
