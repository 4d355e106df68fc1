"""JupyterLab for learners: the start page, the progress of notebooks, and servers under JupyterHub."""

import contextlib
import os


def follow(shell: object) -> None:
    """Count the cells that run in a notebook of JupyterLab; do nothing elsewhere."""
    if "JPY_SESSION_NAME" not in os.environ:
        return
    with contextlib.suppress(ImportError):  # a kernel of another Python; `explain` explains the failing cell
        from eventlab.jupyter import progress, start_page

        progress.follow(shell, start_page.write)


def unfollow(shell: object) -> None:
    """Stop counting the cells that `follow` counts."""
    if getattr(shell, "_eventlab_progress", None):
        from eventlab.jupyter import progress

        progress.unfollow(shell)
