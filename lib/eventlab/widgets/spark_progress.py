"""Show the stages and tasks of a Spark job while its cell runs."""

import contextlib
import time
from collections.abc import Iterable
from typing import Any

import ipywidgets

from eventlab.widgets.html import note, render
from eventlab.widgets.panel import Panel

DRAW_S = 0.25


class SparkProgress(Panel):
    """Shows the progress of the latest action of a Spark Connect session.

    A classic session does not report its progress; for one, the panel names Spark's web page, which shows it.
    """

    def __init__(self, spark: Any) -> None:
        self.spark = spark
        self.actions = 0
        self._operation: str | None = None
        self._drawn_at = 0.0
        is_connect = type(spark).__module__.startswith("pyspark.sql.connect.")
        text = "No job yet. Run an action, for example count()."
        if not is_connect:
            page = spark.sparkContext.uiWebUrl or "no page (spark.ui.enabled is false)"
            text = f"A classic session shows its progress only on its web page: {page}"
        self.view = ipywidgets.HTML(note(text))
        super().__init__("Spark", "SparkProgress: stages and tasks of this session's jobs", self.view)
        if is_connect:
            spark.registerProgressHandler(self._on_progress)

    def close(self) -> None:
        """Stop listening to the session and remove the view."""
        with contextlib.suppress(Exception):  # a stopped session has no handlers
            self.spark.removeProgressHandler(self._on_progress)
        super().close()

    def _on_progress(
        self, stages: Iterable[Any] | None, inflight_tasks: int, operation_id: str | None, done: bool
    ) -> None:
        """Draw the progress; pyspark calls this in the thread that waits for the result."""
        if operation_id != self._operation:
            self._operation, self.actions = operation_id, self.actions + 1
        if done or time.monotonic() - self._drawn_at >= DRAW_S:
            self._drawn_at = time.monotonic()
            # Spark skips stages whose results it has: at the end, they are not missing.
            shown = [stage for stage in stages or () if stage.num_completed_tasks or not done]
            self.view.value = render(
                "spark_progress", action=self.actions, stages=shown, running_tasks=inflight_tasks, done=done
            )
