"""The windows in the state of a streaming query, as Spark's state store has them: open, or closed in a batch.

Spark's source `statestore` reads the state of a running query from its checkpoint; with `readChangeFeed`, each
change of each batch (https://spark.apache.org/docs/latest/streaming/structured-streaming-state-data-source.html).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

KEPT_BATCHES = 50
"""The last batches whose changes are read; Spark keeps the changes of the last 100 (`minBatchesToRetain`)."""
Bounds = tuple[float, float]
"""The start and the end of a window, in seconds since 1970."""


@dataclass(frozen=True)
class Change:
    """A change of one group in the state.

    Attributes:
        start_s: The start of its window in seconds since 1970; None for a session window that was deleted.
        values: The group's values, None if the group was deleted.
    """

    batch: int
    key: str
    start_s: float | None
    end_s: float | None
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
    """Return the changes of the query's first operator in the batches from `since` on, in their order."""
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
    changes = (Change(row[0], row[3], row[1], row[2], json.loads(row[4]) if row[4] else None) for row in rows)
    return sorted(changes, key=lambda change: change.batch)  # the changes of a group stay in their order


def _has(frame: Any, name: str) -> bool:
    """Return whether the frame has the field of a struct."""
    column, _, inner = name.partition(".")
    return column in frame.columns and inner in getattr(frame.schema[column].dataType, "names", ())


def window_states(changes: Iterable[Change]) -> list[WindowState]:
    """Return the windows of the changes, the earliest first. A window is closed when all its groups are gone."""
    groups: dict[Bounds, dict[str, int]] = {}
    windows: dict[Bounds, WindowState] = {}
    bounds_of: dict[str, Bounds] = {}
    for change in changes:
        before = bounds_of.get(change.key)
        if change.values is None:
            if before in windows:
                groups[before].pop(change.key, None)
                closed = None if groups[before] else change.batch
                windows[before] = replace(windows[before], closed=closed)
            continue
        bounds = (change.start_s or 0.0, change.end_s or 0.0)
        if before not in (None, bounds):  # a session window has become longer
            groups.pop(before, None)
            windows.pop(before, None)
        bounds_of[change.key] = bounds
        counts = groups.setdefault(bounds, {})
        counts[change.key] = int(change.values.get("count", 1))
        windows[bounds] = WindowState(*bounds, len(counts), sum(counts.values()), change.batch)
    return [windows[bounds] for bounds in sorted(windows) if not _is_part_of_another(windows[bounds], windows)]


def _is_part_of_another(window: WindowState, windows: Iterable[Bounds]) -> bool:
    """Return whether a closed window is inside a longer one: a session window that became part of another."""
    if window.closed is None:
        return False
    own = (window.start_s, window.end_s)
    return any(start <= own[0] and own[1] <= end and (start, end) != own for start, end in windows)
