"""A streaming query as plain data: batches, rates, offsets and lag per partition, watermark, state, dropped rows.

Everything is read from what Spark reports (`query.recentProgress`, `status`, `exception()` and `explain`) and from
the offsets of the topics. The functions are pure; `stream_query.py` asks Spark and Kafka.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from eventlab.clients.kafka import Offsets
from eventlab.clients.stream_plan import QueryPlan, read_plan

Positions = Mapping[str, Mapping[int, int]]
"""Offsets by topic and partition; empty for a source that is not Kafka."""
ENDED_AT = re.compile(r"Current (Committed|Available) Offsets: \{(.*)\}$", re.MULTILINE)
OF_SOURCE = re.compile(r"\w+\[\w+\[.*?\]\]: (\{(?:[^{}]|\{[^{}]*\})*\})")


@dataclass(frozen=True)
class Source:
    """A source of the query in one batch, with the offsets at which the batch began and ended.

    Attributes:
        start: None in the first batch of a checkpoint: Spark reports no start there.
    """

    description: str
    rows: int
    start: Positions | None
    end: Positions


@dataclass(frozen=True)
class Batch:
    """One report of progress. A query that waits also reports every 10 seconds, without a batch (`ran` is False).

    Attributes:
        written: The rows that the sink received, or None: files and `foreachBatch` do not report it.
        watermark_s: The watermark in the batch, in seconds since 1970; 0 before the first event.
        newest_s: The greatest event time in the batch, or None in one without rows or without a watermark.
        dropped: Rows that came after the watermark, in the groups of each task of Spark.
    """

    number: int
    timestamp_s: float
    duration_ms: int
    ran: bool
    rows: int
    input_rate: float
    processing_rate: float
    written: int | None
    watermark_s: float
    newest_s: float | None
    state_rows: int
    dropped: int
    closed: int
    sources: tuple[Source, ...]


@dataclass(frozen=True)
class Partition:
    """A partition that the query reads: the offset that it reads next, and the first and end offset."""

    topic: str
    number: int
    next: int
    first: int
    end: int

    @property
    def lag(self) -> int:
        """Return how many messages the query has not read."""
        return max(0, self.end - self.next)


@dataclass(frozen=True)
class StreamState:
    """A streaming query at one moment.

    Attributes:
        message: What it does now, as Spark's status says.
        error: The message of its exception with its first lines, or "".
        sink: The sink, as Spark's progress names it.
        failed_range: The offsets at which the last batch of a failed query began and ended.
        offsets: The offsets of the topics that it reads; None for a topic that does not exist.
    """

    name: str
    id: str
    run_id: str
    is_active: bool
    message: str
    error: str
    batches: tuple[Batch, ...]
    sink: str
    plan: QueryPlan = field(default_factory=QueryPlan)
    failed_range: tuple[Positions, Positions] | None = None
    offsets: Mapping[str, Offsets | None] = field(default_factory=dict)

    @property
    def last(self) -> Batch | None:
        """Return the newest report, or None before the first."""
        return self.batches[-1] if self.batches else None

    @property
    def last_with_rows(self) -> Batch | None:
        """Return the newest batch that read rows, or None."""
        return next((batch for batch in reversed(self.batches) if batch.rows), None)

    @property
    def rows(self) -> int:
        """Return how many rows the reported batches read."""
        return sum(batch.rows for batch in self.batches)

    @property
    def written(self) -> int | None:
        """Return how many rows the reported batches wrote, or None when the sink does not report it."""
        counts = [batch.written for batch in self.batches]
        return None if None in counts else sum(count or 0 for count in counts)

    @property
    def dropped(self) -> int:
        """Return how many late rows the reported batches dropped, as Spark counts them."""
        return sum(batch.dropped for batch in self.batches)

    @property
    def watermark_s(self) -> float:
        """Return the watermark in seconds since 1970; 0 without one."""
        return max([0.0, self.plan.closed_before_s, *(batch.watermark_s for batch in self.batches)])

    @property
    def newest_s(self) -> float | None:
        """Return the greatest event time, or None before the first event.

        The reports of a query that has waited for long have none. Then a single watermark says it: it is
        the greatest event time minus the watermark's delay.
        """
        delays = [watermark.delay_s for watermark in self.plan.watermarks]
        times = [batch.newest_s for batch in self.batches if batch.newest_s is not None]
        times += [self.watermark_s + delays[0]] if len(delays) == 1 and self.watermark_s else []
        return max(times, default=None)

    @property
    def state_rows(self) -> int:
        """Return how many rows the query's state has after its last batch."""
        return next((batch.state_rows for batch in reversed(self.batches) if batch.ran), 0)

    @cached_property
    def partitions(self) -> tuple[Partition, ...]:
        """Return the partitions of the topics that the query reads, in order."""
        found = []
        for source in self.last.sources if self.last else ():
            for topic, positions in source.end.items():
                offsets = self.offsets.get(topic)
                for number, position in positions.items():
                    first = offsets.first.get(number, 0) if offsets else 0
                    end = offsets.end.get(number, position) if offsets else position
                    found.append(Partition(topic, number, position, first, end))
        return tuple(sorted(found, key=lambda partition: (partition.topic, partition.number)))

    @property
    def lag(self) -> int:
        """Return how many messages the query has not read."""
        return sum(partition.lag for partition in self.partitions)

    @property
    def topics(self) -> tuple[str, ...]:
        """Return the topics that the query reads, as its last report or its error names them."""
        before, now = self.failed_range or ({}, {})
        ends = [source.end for source in self.last.sources] if self.last else [now or before]
        return tuple(dict.fromkeys(topic for end in ends for topic in end))

    @property
    def reached(self) -> Positions:
        """Return the offsets with which the query continues, as its last report or its error names them."""
        if self.last:
            return merged(source.end for source in self.last.sources)
        return self.failed_range[0] if self.failed_range else {}


def read_state(
    reports: Sequence[Mapping[str, Any]],
    status: Mapping[str, Any],
    is_active: bool,
    error: str,
    plans: str,
) -> StreamState:
    """Return what Spark's reports of progress, its status, an error and the query's plans say."""
    last = reports[-1] if reports else {}
    return StreamState(
        last.get("name") or "",
        last.get("id", ""),
        last.get("runId", ""),
        is_active,
        status["message"],
        error.partition("\n\nJVM stacktrace:")[0],
        tuple(_batch(report) for report in reports),
        last.get("sink", {}).get("description", ""),
        read_plan(plans),
        _failed_range(error),
    )


def _batch(report: Mapping[str, Any]) -> Batch:
    """Return one report of progress."""
    times, operators, sources = report["eventTime"], report["stateOperators"], report["sources"]
    written = report["sink"]["numOutputRows"]

    def total(items: Iterable[Mapping[str, Any]], name: str) -> Any:
        return sum(item.get(name) or 0 for item in items)  # a rate without a time is missing

    return Batch(
        report["batchId"],
        since_1970(report["timestamp"]),
        report["batchDuration"],
        "addBatch" in report["durationMs"],
        total(sources, "numInputRows"),
        total(sources, "inputRowsPerSecond"),
        total(sources, "processedRowsPerSecond"),
        None if written < 0 else written,
        since_1970(times["watermark"]) if "watermark" in times else 0.0,
        since_1970(times["max"]) if "max" in times else None,
        total(operators, "numRowsTotal"),
        total(operators, "numRowsDroppedByWatermark"),
        total(operators, "numRowsRemoved"),
        tuple(
            Source(
                source["description"],
                source["numInputRows"],
                positions_of(source["startOffset"]) if source["startOffset"] else None,
                positions_of(source["endOffset"]),
            )
            for source in sources
        ),
    )


def positions_of(offsets: str | Mapping[str, Any] | None) -> Positions:
    """Return the offsets of a Kafka source, or none: other sources count in another way.

    Spark Connect reports them as a JSON string, a classic session as an object.
    """
    try:
        topics = json.loads(offsets or "{}") if not isinstance(offsets, Mapping) else offsets
        return {topic: {int(number): int(offset) for number, offset in of.items()} for topic, of in topics.items()}
    except (ValueError, AttributeError, TypeError):
        return {}


def _failed_range(error: str) -> tuple[Positions, Positions] | None:
    """Return the offsets of the batch that failed, which Spark adds to the error."""
    texts = dict(ENDED_AT.findall(error))
    if not texts:
        return None
    before, now = (
        merged(positions_of(text) for text in OF_SOURCE.findall(texts.get(name, "")))
        for name in ("Committed", "Available")
    )
    return before, now


def merged(parts: Iterable[Positions]) -> Positions:
    """Return the offsets of several sources together."""
    together: dict[str, dict[int, int]] = {}
    for part in parts:
        for topic, offsets in part.items():
            together.setdefault(topic, {}).update(offsets)
    return together


def since_1970(text: str) -> float:
    """Return a time that Spark reports (`2026-09-21T14:13:20.000Z`) in seconds since 1970."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
