"""JupyterLab as learners meet it: the start page, and what they have got through."""

import contextlib
import os


def follow(shell: object) -> None:
    """Count the cells that run, in a notebook that Jupyter has named to its kernel; elsewhere do nothing."""
    if "JPY_SESSION_NAME" not in os.environ:
        return
    with contextlib.suppress(ImportError):  # a kernel of another Python, which is explained when a cell fails
        from eventlab.jupyter import progress, start_page

        progress.follow(shell, start_page.write)


def unfollow(shell: object) -> None:
    """Stop counting the cells that `follow` counts."""
    if getattr(shell, "_eventlab_progress", None):
        from eventlab.jupyter import progress

        progress.unfollow(shell)
