"""After each cell: look at how it ended, and show a box when there is something to explain.

IPython calls `post_run_cell` after it has shown the traceback, in a notebook, under papermill, nbconvert and nbval
alike, and nothing about the traceback or the cell's result changes. (A handler of `set_custom_exc` would take the
place of IPython's own display, and would be lost when somebody sets another one.)
"""

from __future__ import annotations

import contextlib
import os
import threading
from typing import Any

from eventlab.clients import spark
from eventlab.explain.explanation import Explanation
from eventlab.explain.failure import Failure

LIMIT_S = 2.0
"""How long the box may be waited for. A probe that takes longer goes on unheard."""
SWITCH = "EVENTLAB_EXPLAIN"
"""`off` in the environment turns explanations off: where work is graded, nothing is probed."""


class Watch:
    """The two callbacks of one shell."""

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        self.last: BaseException | None = None

    def before_cell(self, info: Any) -> None:
        if not info.silent:
            spark.shorten_retries(info.raw_cell or "")

    def after_cell(self, result: Any) -> None:
        info = getattr(result, "info", None)
        if info is None or info.silent:
            return
        error = result.error_before_exec or result.error_in_exec
        if error is not None and error is self.last:
            return  # %%time and its like run a cell within the cell
        self.last = error
        source = info.raw_cell or ""
        if isinstance(error, KeyboardInterrupt) or (error is None and not self._is_suspect(source)):
            return
        with contextlib.suppress(KeyboardInterrupt):
            if found := within(LIMIT_S, Failure(error, source, self.shell.user_ns)):
                show(found)

    def _is_suspect(self, source: str) -> bool:
        """Whether a cell that ended well is worth a look: its command failed, or it made rows by position."""
        failed = "!" in source and self.shell.user_ns.get("_exit_code", 0) != 0
        return failed or "Row(" in source


def within(limit_s: float, failure: Failure) -> Explanation | None:
    """The first explanation that probing confirms, if it comes in time. Never raises."""
    found: list[Explanation] = []
    done = threading.Event()

    def ask() -> None:
        with contextlib.suppress(Exception, SystemExit):
            from eventlab.explain import registry

            if explanation := registry.first(failure):
                found.append(explanation)
        done.set()

    try:
        threading.Thread(target=ask, name="eventlab-explain", daemon=True).start()
    except RuntimeError:  # no thread can be had: the memory is exhausted
        ask()
    return found[0] if done.wait(limit_s) and found else None


def show(explanation: Explanation) -> None:
    from IPython.display import display

    display(explanation.bundle(), raw=True)


def is_off() -> bool:
    return os.environ.get(SWITCH) == "off" or bool(os.environ.get("NBGRADER_EXECUTION"))


def load(shell: Any) -> None:
    """Watch the shell's cells (again: once)."""
    unload(shell)
    if is_off():
        return
    spark.shorten_retries(shell.history_manager.input_hist_raw[-1])  # the cell that loads it may open the session
    shell.eventlab_watch = watch = Watch(shell)
    shell.events.register("pre_run_cell", watch.before_cell)
    shell.events.register("post_run_cell", watch.after_cell)


def unload(shell: Any) -> None:
    watch = getattr(shell, "eventlab_watch", None)
    if watch is None:
        return
    shell.events.unregister("pre_run_cell", watch.before_cell)
    shell.events.unregister("post_run_cell", watch.after_cell)
    del shell.eventlab_watch
