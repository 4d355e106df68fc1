"""How long a widget lives: until its cell is run again, its kernel ends, or it is closed.

A widget that is run again is a new one; without this, the old one's threads and connections would go on unseen.
"""

from __future__ import annotations

import atexit
from typing import Any, Protocol


class Closable(Protocol):
    def close(self) -> None: ...


_open: dict[Closable, str | None] = {}
"""The widgets that are open, with the cell that made each."""


def begin(widget: Closable) -> None:
    """From now on the widget ends with the cell that is running, and with the kernel."""
    _open[widget] = _running_cell()
    shell = _shell()
    if shell and _close_earlier not in shell.events.callbacks["pre_run_cell"]:
        shell.events.register("pre_run_cell", _close_earlier)


def end(widget: Closable) -> None:
    _open.pop(widget, None)


@atexit.register
def close_all() -> None:
    for widget in list(_open):
        widget.close()


def _close_earlier(info: Any) -> None:
    """Close what the cell that is about to run made when it ran before."""
    for widget, cell in list(_open.items()):
        if cell is not None and cell in (info.cell_id, (info.raw_cell or "").rstrip()):
            widget.close()


def _running_cell() -> str | None:
    """The id of the running cell, from front-ends that tell it (JupyterLab does), else its text."""
    shell = _shell()
    if shell is None:
        return None
    kernel = getattr(shell, "kernel", None)
    message = (kernel.get_parent("shell") if kernel else None) or {}
    told = message.get("metadata", {}).get("cellId")
    typed = shell.history_manager.input_hist_raw if shell.history_manager else []
    return told or (typed[-1].rstrip() if typed else None)


def _shell() -> Any:
    from IPython import get_ipython

    return get_ipython()
