"""The windows in the state of a streaming query, as Spark's state store has them: open, and closed in which batch.

Spark's source `statestore` reads the state of a running query from its checkpoint; with `readChangeFeed`, each
change of each batch (https://spark.apache.org/docs/latest/streaming/structured-streaming-state-data-source.html).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

UPDATE = "update"
KEPT_BATCHES = 50
"""The last batches whose changes are read; Spark keeps the changes of the last 100 (`minBatchesToRetain`)."""


@dataclass(frozen=True)
class Change:
    """A change of one group in the state: its window in seconds since 1970, and its values, None if deleted."""

    batch: int
    key: str
    start_s: float
    end_s: float
    values: dict[str, Any] | None


@dataclass(frozen=True)
class WindowState:
    """A window with the groups that it has or had in the state.

    Attributes:
        count: The sum of the groups' column `count`, or the number of groups if they have none.
        changed: The batch that changed it last.
        closed: The batch that removed it from the state, or None.
    """

    start_s: float
    end_s: float
    groups: int
    count: int
    changed: int
    closed: int | None = None


def read_changes(spark: Any, checkpoint: str, since: int) -> list[Change]:
    """Return the changes of the query's first operator in the batches from `since` on, in their order.

    A session window is a part of the value, so a deleted one has no window: its changes end with the last update.
    """
    options = {"readChangeFeed": "true", "changeStartBatchId": str(max(0, since))}
    return _changes(spark.read.format("statestore").options(**options).load(checkpoint))


def read_open(spark: Any, checkpoint: str) -> list[Change]:
    """Return the groups that are in the state after the last batch."""
    return _changes(spark.read.format("statestore").load(checkpoint))


def _changes(frame: Any) -> list[Change]:
    """Return the rows of the source `statestore` that have a window."""
    from pyspark.sql import functions as F

    window = next((name for name in ("key.window", "value.session_window") if _has(frame, name)), None)
    if window is None:
        return []
    batch = F.col("batch_id") if "batch_id" in frame.columns else F.lit(0)
    times = [F.expr(f"unix_micros({window}.{end}) / 1e6") for end in ("start", "end")]
    texts = [F.expr(f"to_json({column})") for column in ("key", "value")]
    rows = frame.select(batch, *times, *texts).collect()
    return sorted(
        (Change(row[0], row[3], row[1], row[2], json.loads(row[4]) if row[4] else None) for row in rows if row[2]),
        key=lambda change: (change.batch, change.start_s, change.key),
    )


def _has(frame: Any, name: str) -> bool:
    """Return whether the frame has the field of a struct."""
    column, _, inner = name.partition(".")
    return column in frame.columns and inner in getattr(frame.schema[column].dataType, "names", ())


def window_states(changes: Iterable[Change]) -> list[WindowState]:
    """Return the windows of the changes, the earliest first. A window is closed when all its groups are gone."""
    groups: dict[tuple[float, float], dict[str, int]] = {}
    windows: dict[tuple[float, float], WindowState] = {}
    for change in changes:
        place = (change.start_s, change.end_s)
        counts = groups.setdefault(place, {})
        before = windows.get(place, WindowState(*place, 0, 0, change.batch))
        if change.values is None:
            counts.pop(change.key, None)
            windows[place] = replace(before, closed=None if counts else change.batch)
            continue
        counts[change.key] = int(change.values.get("count", 1))
        windows[place] = WindowState(*place, len(counts), sum(counts.values()), change.batch)
    return [windows[place] for place in sorted(windows)]
