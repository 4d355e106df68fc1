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
from dataclasses import replace
from typing import Any

from IPython.display import display

from eventlab.commands import failures
from eventlab.explain import short_traceback, spark_traceback
from eventlab.explain.explanation import LABEL, Explanation
from eventlab.explain.failed_cell import FailedCell
from eventlab.explain.shell_words import is_suspect
from eventlab.explain.why_line import call_as_line, cell_of

logger = logging.getLogger(__name__)

TIME_LIMIT_S = 5.0
"""The maximum number of seconds that a failed cell waits for its explanation: most need less than one, and several
times as long on a busy machine. A probe may take longer; then there is no box, and a slow service is not called
one that is down."""

MAY_BE_WRONG = re.compile(
    r"\bRow\(|\A(?>.*?\b(?:orderBy|sort|sortWithinPartitions)\()"
    r".*?\b(?:desc|asc(?!ending\b)|revers)\w*\s*=[^=]",
    re.DOTALL,
)
"""Code of cells that are examined without an error: Spark reads rows by position, and ignores an unknown order."""


class EarlierCode(int):
    """The exit code of an earlier cell's command, which this cell has not set: `x = !command` sets none."""


class CellHook:
    """The callbacks of one IPython shell."""

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        self.last_error: BaseException | None = None
        self.last_cell = FailedCell(None)

    def before_cell(self, info: Any) -> None:
        """Forget the commands of the last cell, and prepare the clients of Kafka and Spark for their first use."""
        if not info.silent:
            variables = getattr(self.shell, "user_ns", {})
            if isinstance(variables.get("_exit_code"), int):
                variables["_exit_code"] = EarlierCode(variables["_exit_code"])
            failures.clear()
            _prepare_clients(info.raw_cell or "")

    def after_cell(self, result: Any) -> None:
        """Show an explanation when the cell failed and a running service confirms the reason."""
        if result.info is None or result.info.silent:
            return
        error = result.error_before_exec or result.error_in_exec
        if error is not None and error is self.last_error:
            return  # %%time and similar magics run a cell inside the cell
        cell = self._finished(error, result.info.raw_cell or "")
        if cell.source.lstrip().startswith("%why"):
            return
        self.last_error, self.last_cell = error, replace(cell)  # without a cache: it holds no values of variables
        files = "".join(trace.tb_frame.f_code.co_filename for trace in cell.trace)
        if isinstance(error, KeyboardInterrupt) and "/kafka/" not in files:
            return  # the learner knows why; a consumer without messages is different
        if error is None and not is_suspect(cell) and not MAY_BE_WRONG.search(cell.source):
            return
        with contextlib.suppress(KeyboardInterrupt):
            if explanation := explain_in_time(cell):
                display(explanation.bundle(), raw=True)
            if details := spark_traceback.jvm_details(error):
                display(spark_traceback.fold(details), raw=True)

    def _finished(self, error: BaseException | None, source: str) -> FailedCell:
        """Return a cell that has run, with the failures of its commands."""
        variables = self.shell.user_ns
        exit_code = variables.get("_exit_code")
        exit_code = None if isinstance(exit_code, EarlierCode) else exit_code
        cell = FailedCell(error, source, variables, exit_code, None, len(variables.get("In", ())))
        recorded = failures.read()
        if recorded is not None:  # a command of an earlier cell may still run in the background
            recorded = [command for command in recorded if command[0] in cell.shell_commands]
        return replace(cell, failed=recorded)

    def why(self, line: str) -> None:
        """Explain why the last cell shows nothing or failed (`%why`), or a query or a command (`%why query`).

        There is no time limit, so an error that got no box on a busy machine gets it now.
        """
        from eventlab.explain import why
        from eventlab.settings import settings

        cell = cell_of(line, self.shell.user_ns) if line.strip() else replace(self.last_cell)
        with contextlib.suppress(KeyboardInterrupt):
            explanation = why.explain(cell, settings)
            display(explanation.bundle(LABEL if cell.error else why.LABEL), raw=True)


def explain_in_time(cell: FailedCell) -> Explanation | None:
    """Return the confirmed explanation, or None when there is none within TIME_LIMIT_S seconds. Never raises."""
    explanations: list[Explanation | None] = []

    from eventlab.explain import registry

    def search() -> None:
        try:
            explanations.append(registry.explain(cell))
        except Exception:
            logger.debug("no explanation", exc_info=True)

    with contextlib.suppress(Exception):  # the kernel's Python may lack a package, which python.py explains
        registry.explanations()  # imports all modules once, which is not the time of an explanation
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
    failures.start()
    shell.eventlab_cell_hook = hook = CellHook(shell)
    shell.events.register("pre_run_cell", hook.before_cell)
    shell.events.register("post_run_cell", hook.after_cell)
    shell.register_magic_function(hook.why, "line", "why")
    shell.input_transformers_cleanup.append(call_as_line)


def unload(shell: Any) -> None:
    """Remove the callbacks, if there are any."""
    if hook := getattr(shell, "eventlab_cell_hook", None):
        shell.events.unregister("pre_run_cell", hook.before_cell)
        shell.events.unregister("post_run_cell", hook.after_cell)
        shell.magics_manager.magics["line"].pop("why", None)
        shell.input_transformers_cleanup.remove(call_as_line)
        del shell.eventlab_cell_hook
        failures.stop()


def _prepare_clients(source: str) -> None:
    """Prepare the clients of Kafka, Spark and HTTP if a cell uses them; otherwise avoid their slow imports."""
    if re.search(r"\bkafka\b", source) and re.search(r"^\s*(import|from)\s", source, re.MULTILINE):
        with contextlib.suppress(ImportError):
            from eventlab.clients import kafka_connections

            kafka_connections.shorten_default_timeouts()
    if "httpx" in source or "httpx" in sys.modules:
        with contextlib.suppress(ImportError):
            short_traceback.install_for_httpx()
    if "pyspark" in source or "pyspark" in sys.modules:
        with contextlib.suppress(ImportError):  # the kernel's Python lacks a package, see python.py
            from eventlab.clients import spark

            spark.prepare_client()
            spark_traceback.install()
