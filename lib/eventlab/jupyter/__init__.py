"""JupyterLab for learners: the start page, the progress of notebooks, and servers under JupyterHub."""

import contextlib
import logging
import os
from typing import Any

FONTS = logging.getLogger("matplotlib.font_manager")


def follow(shell: Any) -> None:
    """Count the cells that run in a notebook of JupyterLab; do nothing elsewhere."""
    if "JPY_SESSION_NAME" not in os.environ:
        return
    with contextlib.suppress(ImportError):  # a kernel of another Python; `explain` explains the failing cell
        from eventlab.jupyter import progress, start_page

        progress.follow(shell, start_page.write)


def unfollow(shell: Any) -> None:
    """Stop counting the cells that `follow` counts."""
    if callback := getattr(shell, "_eventlab_progress", None):
        shell.events.unregister("post_run_cell", callback)
        shell._eventlab_progress = None


def hide_notice_of_fonts() -> None:
    """Hide what Matplotlib prints in a cell if its first list of the fonts takes more than five seconds."""
    FONTS.addFilter(_is_no_notice_of_fonts)


def show_notice_of_fonts() -> None:
    """Show again what `hide_notice_of_fonts` hides."""
    FONTS.removeFilter(_is_no_notice_of_fonts)


def _is_no_notice_of_fonts(record: logging.LogRecord) -> bool:
    return "building the font cache" not in record.getMessage()
