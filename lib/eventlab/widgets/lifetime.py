"""When a widget is closed: its cell runs again, the kernel ends, or its `close()` is called.

A cell that runs again creates a new widget. Without this module the threads and connections of the old one
would stay.
"""

from __future__ import annotations

import atexit
from typing import Any

import ipywidgets
from IPython import get_ipython

_open_widgets: dict[ipywidgets.Widget, str | None] = {}
"""The open widgets, with the cell that created each of them."""


def register(widget: ipywidgets.Widget) -> None:
    """Close the widget when the cell that runs now runs again, and when the kernel ends."""
    _open_widgets[widget] = _running_cell()
    shell = get_ipython()
    if shell and _close_widgets_of_cell not in shell.events.callbacks["pre_run_cell"]:
        shell.events.register("pre_run_cell", _close_widgets_of_cell)


def unregister(widget: ipywidgets.Widget) -> None:
    """Forget a widget that is closed."""
    _open_widgets.pop(widget, None)


@atexit.register
def close_all() -> None:
    """Close all open widgets."""
    for widget in list(_open_widgets):
        widget.close()


def _close_widgets_of_cell(info: Any) -> None:
    """Close the widgets that the cell created when it ran before."""
    for widget, cell in list(_open_widgets.items()):
        if cell is not None and cell in (info.cell_id, (info.raw_cell or "").rstrip()):
            widget.close()


def _running_cell() -> str | None:
    """Return the id of the running cell, or its source where the front-end sends no id (JupyterLab does)."""
    shell = get_ipython()
    if shell is None:
        return None
    kernel = getattr(shell, "kernel", None)
    message = (kernel.get_parent("shell") if kernel else None) or {}
    cell_id = message.get("metadata", {}).get("cellId")
    sources = shell.history_manager.input_hist_raw if shell.history_manager else []
    return cell_id or (sources[-1].rstrip() if sources else None)
