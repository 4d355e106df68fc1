"""IPython callbacks: after a failed cell, show an explanation below its traceback.

IPython calls `post_run_cell` after it has shown the traceback, in JupyterLab and under papermill, nbconvert and
nbval. The cell's result does not change. (`set_custom_exc` would replace IPython's own display.)
"""

import contextlib
import logging
import os
import re
import sys
import threading
from typing import Any

from IPython.display import display

from eventlab.explain import spark_traceback
from eventlab.explain.explanation import Explanation
from eventlab.explain.failed_cell import FailedCell

logger = logging.getLogger(__name__)

TIME_LIMIT_S = 2.0
"""The maximum number of seconds that a failed cell waits for its explanation."""


class CellHook:
    """The callbacks of one IPython shell."""

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        self.last_error: BaseException | None = None

    def before_cell(self, info: Any) -> None:
        """Prepare the clients of Kafka and Spark when the cell is the first that uses them."""
        if not info.silent:
            _prepare_clients(info.raw_cell or "")

    def after_cell(self, result: Any) -> None:
        """Show an explanation when the cell failed and a running service confirms the reason."""
        if result.info is None or result.info.silent:
            return
        error = result.error_before_exec or result.error_in_exec
        if error is not None and error is self.last_error:
            return  # %%time and similar magics run a cell inside the cell
        self.last_error = error
        source = result.info.raw_cell or ""
        command_failed = "!" in source and self.shell.user_ns.get("_exit_code", 0) != 0
        is_suspect = error is not None or command_failed or "Row(" in source
        if isinstance(error, KeyboardInterrupt) or not is_suspect:
            return
        with contextlib.suppress(KeyboardInterrupt):
            if explanation := explain_in_time(FailedCell(error, source, self.shell.user_ns)):
                display(explanation.bundle(), raw=True)
            if details := spark_traceback.jvm_details(error):
                display(spark_traceback.fold(details), raw=True)

    def why(self, line: str) -> None:
        """Explain why the last cell shows nothing or failed (`%why`), or a command did (`%why kafkacat ...`).

        There is no time limit, so an error that got no box on a busy machine gets it now.
        """
        from eventlab.explain import registry, why
        from eventlab.settings import settings

        raw = self.shell.history_manager.input_hist_raw[:-1]  # `In` has what IPython made of the cells
        cells = [cell for cell in raw if cell and not cell.lstrip().startswith("%why")]
        source = f"!{line}" if line.strip() else (cells or [""])[-1]
        error = None if line.strip() else self.last_error
        cell = FailedCell(error, source, self.shell.user_ns)
        with contextlib.suppress(KeyboardInterrupt):
            explanation = registry.explain(cell) if error else None
            display((explanation or why.explain(cell, settings)).bundle(), raw=True)


def explain_in_time(cell: FailedCell) -> Explanation | None:
    """Return the confirmed explanation, or None when there is none within TIME_LIMIT_S seconds. Never raises."""
    explanations: list[Explanation | None] = []

    def search() -> None:
        try:
            from eventlab.explain import registry

            explanations.append(registry.explain(cell))
        except Exception:
            logger.debug("no explanation", exc_info=True)

    thread = threading.Thread(target=search, name="eventlab-explain", daemon=True)
    try:
        thread.start()
        thread.join(TIME_LIMIT_S)
    except RuntimeError:  # not enough memory for a thread
        search()
    return next(iter(explanations), None)


def load(shell: Any) -> None:
    """Register the callbacks once; do nothing where explanations are turned off, as in grading."""
    unload(shell)
    if os.environ.get("EVENTLAB_EXPLAIN") == "off" or os.environ.get("NBGRADER_EXECUTION"):
        return
    _prepare_clients(shell.history_manager.input_hist_raw[-1])  # the loading cell may open the session
    shell.eventlab_cell_hook = hook = CellHook(shell)
    shell.events.register("pre_run_cell", hook.before_cell)
    shell.events.register("post_run_cell", hook.after_cell)
    shell.register_magic_function(hook.why, "line", "why")


def unload(shell: Any) -> None:
    """Remove the callbacks, if there are any."""
    if hook := getattr(shell, "eventlab_cell_hook", None):
        shell.events.unregister("pre_run_cell", hook.before_cell)
        shell.events.unregister("post_run_cell", hook.after_cell)
        shell.magics_manager.magics["line"].pop("why", None)
        del shell.eventlab_cell_hook


def _prepare_clients(source: str) -> None:
    """Prepare the clients of Kafka and Spark if a cell uses them; otherwise avoid their slow imports."""
    if re.search(r"\bkafka\b", source) and re.search(r"^\s*(import|from)\s", source, re.MULTILINE):
        with contextlib.suppress(ImportError):
            from eventlab.clients import kafka_connections

            kafka_connections.shorten_default_timeouts()
    if "pyspark" in source or "pyspark" in sys.modules:
        with contextlib.suppress(ImportError):  # the kernel's Python lacks a package, see python.py
            from eventlab.clients import spark

            spark.prepare_client()
            spark_traceback.install()
