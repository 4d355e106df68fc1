"""JupyterLab for learners: the start page, the progress of notebooks, and servers under JupyterHub."""

import contextlib
import os
from typing import Any


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
