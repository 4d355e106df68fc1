"""The events of a query's topics: in which batch each was read, and whether it was late or dropped."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from eventlab.clients.kafka import json_object
from eventlab.clients.stream_state import StreamState

KAFKA_TIME = "timestamp"
"""The column of Spark's Kafka source with the time at which Kafka received a message."""


@dataclass(frozen=True)
class TimedEvent:
    """A message of a topic, with its event time in seconds since 1970."""

    topic: str
    partition: int
    offset: int
    time_s: float
    text: str


@dataclass(frozen=True)
class EventOutcome:
    """What a query did with an event.

    Attributes:
        is_read: Whether the query has read it.
        batch: The number of the batch that read it, or None when no report of it is left.
        is_late: Whether its time is before the watermark that the batch used.
        is_dropped: Whether the batch dropped it, because all its windows were closed.
    """

    event: TimedEvent
    is_read: bool = False
    batch: int | None = None
    is_late: bool = False
    is_dropped: bool = False


def timed_event(record: Any, column: str) -> TimedEvent | None:
    """Return a record of kafka-python with the event time in a field of its JSON value, or None without it.

    Without that field, the column `timestamp` is Kafka's own time. A time is an ISO 8601 string (UTC if it has no
    time zone, as in the kit's sessions) or a number of seconds since 1970.
    """
    text = (record.value or b"").decode(errors="replace")
    value = (json_object(text) or {}).get(column)
    time_s = record.timestamp / 1000 if value is None and column == KAFKA_TIME else _seconds(value)
    return TimedEvent(record.topic, record.partition, record.offset, time_s, text) if time_s is not None else None


def with_time(fields: dict[str, Any], column: str, time_s: float) -> dict[str, Any]:
    """Return an event with another event time: a string of ISO 8601, or a number where the event has a number."""
    text = f"{datetime.fromtimestamp(time_s, UTC):%Y-%m-%dT%H:%M:%SZ}"
    return fields | {column: text if isinstance(fields.get(column, ""), str) else time_s}


def _seconds(value: object) -> float | None:
    """Return a time in seconds since 1970, or None for a value that is not a time."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    try:
        time = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    except ValueError:
        return None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def outcomes(events: Iterable[TimedEvent], state: StreamState) -> Iterator[EventOutcome]:
    """Yield each event with its batch, and with what the batch's watermark says about its time.

    A batch compares with the watermark of the batch before it (Spark's `eventTimeWatermarkForLateEvents`).
    """
    read = {(item.topic, item.number): item.next for item in state.partitions}
    for event in events:
        is_read = event.offset < read.get((event.topic, event.partition), 0)
        index = _batch_of(event, state)
        if index is None:
            yield EventOutcome(event, is_read)
            continue
        watermark_s = state.batches[index - 1].watermark_s if index else 0.0
        dropped = is_too_late(event, state, watermark_s)
        yield EventOutcome(event, is_read, state.batches[index].number, event.time_s < watermark_s, dropped)


def is_too_late(event: TimedEvent, state: StreamState, watermark_s: float) -> bool:
    """Return whether a batch drops the event: the watermark is at the end of all its windows, or its time."""
    window = state.plan.window
    if not state.plan.is_stateful or not watermark_s or state.plan.output_mode == "Complete":
        return False  # in the mode complete, Spark keeps all groups and drops nothing
    if window and window.length_s:
        return all(start + window.length_s <= watermark_s for start in window.starts(event.time_s))
    return event.time_s <= watermark_s


def _batch_of(event: TimedEvent, state: StreamState) -> int | None:
    """Return the index of the reported batch that read the event, or None."""
    for index, batch in enumerate(state.batches):
        for source in batch.sources:
            end = source.end.get(event.topic, {}).get(event.partition)
            start = (source.start or {}).get(event.topic, {}).get(event.partition, 0)
            if source.rows and end is not None and start <= event.offset < end:
                return index
    return None
