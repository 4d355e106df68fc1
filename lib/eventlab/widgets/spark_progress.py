"""What a Spark job is doing while its cell runs: the stages and tasks that the server reports to its session."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable
from typing import Any

import ipywidgets

from eventlab.widgets.panel import Panel
from eventlab.widgets.style import note

DRAW_S = 0.25
SHOWN = 6
NO_JOB_YET = "No job yet: it shows what this session's next action does."
CLASSIC = "A classic session reports its progress to its own page only: {}"


class SparkProgress(Panel):
    """Shows the progress of every action of a Spark Connect session, the latest one.

    A classic session reports to nobody; there the panel says where Spark's own page is, which shows the same.
    """

    def __init__(self, spark: Any) -> None:
        self.spark = spark
        self.jobs = 0
        self._operation: str | None = None
        self._drawn_at = 0.0
        self.follows = type(spark).__module__.startswith("pyspark.sql.connect.")
        self.view = ipywidgets.HTML(note(NO_JOB_YET if self.follows else CLASSIC.format(page_of(spark))))
        super().__init__("Spark", "SparkProgress: stages and tasks of this session's jobs", self.view)
        if self.follows:
            spark.registerProgressHandler(self._progress)

    def close(self) -> None:
        with contextlib.suppress(Exception):  # a session that was stopped has forgotten it already
            self.spark.removeProgressHandler(self._progress)
        super().close()

    def _progress(
        self, stages: Iterable[Any] | None, inflight_tasks: int, operation_id: str | None, done: bool
    ) -> None:
        """Called by the client, in the thread that waits for the result."""
        if operation_id != self._operation:
            self._operation, self.jobs = operation_id, self.jobs + 1
        if done or time.monotonic() - self._drawn_at >= DRAW_S:
            self._drawn_at = time.monotonic()
            self.view.value = drawn(self.jobs, list(stages or ()), inflight_tasks, done)


def page_of(classic: Any) -> str:
    return classic.sparkContext.uiWebUrl or "no page (spark.ui.enabled is false)"


def drawn(job: int, stages: list[Any], inflight_tasks: int, done: bool) -> str:
    if done:  # what was planned and turned out not to be needed is no task that is missing
        stages = [stage for stage in stages if stage.num_completed_tasks]
    total = sum(stage.num_tasks for stage in stages)
    finished = sum(stage.num_completed_tasks for stage in stages)
    state = "done" if done else f"{inflight_tasks} tasks run now"
    share = 100 if done else round(100 * finished / total) if total else 0
    rows = "".join(
        f"<tr><td class='number'>{stage.stage_id}</td>"
        f"<td class='number'>{stage.num_completed_tasks} of {stage.num_tasks}</td>"
        f"<td class='number'>{stage.num_bytes_read / 1024:,.0f} KiB</td></tr>"
        for stage in stages[-SHOWN:]
    )
    return (
        f"<div class='eventlab-note' role='status'>action {job}: {finished} of {total} tasks in "
        f"{len(stages)} stages, {state}</div>"
        f"<div class='eventlab-bar' role='progressbar' aria-label='Tasks of the Spark job' aria-valuemin='0' "
        f"aria-valuemax='100' aria-valuenow='{share}'><i style='width:{share}%'></i></div>"
        "<table class='eventlab-table' aria-label='Stages of the Spark job' style='max-width:420px'><thead><tr>"
        "<th scope='col' class='number'>stage</th><th scope='col' class='number'>tasks</th>"
        f"<th scope='col' class='number'>read</th></tr></thead><tbody>{rows}</tbody></table>"
    )
