"""Follow a topic in the background, with a consumer that belongs to no group and commits no offsets."""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from eventlab.clients.kafka import json_object, open_consumer
from eventlab.errors import ServiceUnavailable

logger = logging.getLogger(__name__)

REFRESH_S = 2.0
"""Seconds between two requests for the topic's partitions and end offsets."""
TIMEOUT_MS = 3000
RETRY_S = 0.5
PAUSE_S = 0.002
"""Seconds between two batches: while a large topic is read, the kernel's other threads need time too."""
FETCH_OPTIONS: dict[str, Any] = {"fetch_max_wait_ms": 100, "max_partition_fetch_bytes": 256 * 1024}
"""A consumer's options: a short wait for messages, and little memory for those that are fetched ahead."""
MAX_TEXT, MAX_NAME = 300, 60
"""The longest text, and the longest event type and host, in characters."""


class Event(NamedTuple):
    """A message as it is shown.

    Attributes:
        timestamp_ms: Kafka's timestamp, in milliseconds since 1970.
        text: The fields without `event_type` and `Host`, or the whole message when it is not a JSON object.
    """

    partition: int
    offset: int
    timestamp_ms: int
    event_type: str
    host: str
    text: str

    @property
    def time(self) -> str:
        """Return the local time of day with milliseconds."""
        seconds, milliseconds = divmod(self.timestamp_ms, 1000)
        return f"{time.strftime('%H:%M:%S', time.localtime(seconds))}.{milliseconds:03d}"


class Follower:
    """Reads the new messages of a topic; it keeps its position while it is paused or Kafka is not running.

    Args:
        topic: The topic's name; it need not exist yet.
        on_events: Called with each batch of events, in the follower's thread.
        on_reset: Called when the position jumps, before the first batch from there.

    Attributes:
        is_paused: Set it to stop reading.
        problem: Why nothing can be read now, or "".
        position: The next offset of each partition.
        lag: The number of messages that it has not read yet.
    """

    def __init__(
        self, servers: str, topic: str, on_events: Callable[[list[Event]], None], on_reset: Callable[[], None]
    ) -> None:
        self.bootstrap_servers, self.topic = servers, topic
        self.on_events, self.on_reset = on_events, on_reset
        self.is_paused = False
        self.problem = ""
        self.lag = 0
        self.position: dict[int, int] = {}
        self._requested: str | None = None
        self._lock = threading.Lock()

    def jump_to(self, position: str) -> None:
        """Continue at the topic's `beginning` or `end`."""
        with self._lock:
            self._requested = position

    def run(self, closing: threading.Event) -> None:
        """Follow the topic until the event is set; reconnect when the broker answers again."""
        import kafka

        options = FETCH_OPTIONS | {
            "metadata_max_age_ms": int(REFRESH_S * 1000),
            "auto_offset_reset": "none",  # an offset that does not exist any more is an error, see _follow
        }
        while not closing.is_set():
            try:
                with open_consumer(self.bootstrap_servers, TIMEOUT_MS / 1000, **options) as consumer:
                    self._follow(consumer, closing)
            except (ServiceUnavailable, kafka.errors.KafkaError, OSError) as error:
                logger.info("topic %s: %s", self.topic, error)
                self.problem = no_broker(self.bootstrap_servers)
            closing.wait(RETRY_S)

    def _follow(self, consumer: Any, closing: threading.Event) -> None:
        from kafka.errors import LogTruncationError, OffsetOutOfRangeError

        refreshed_at = 0.0
        while not closing.is_set():
            if time.monotonic() - refreshed_at > REFRESH_S or self._requested:
                if not self._refresh(consumer):
                    return
                refreshed_at = time.monotonic()
            if self.is_paused:
                closing.wait(0.1)
                continue
            try:
                polled = consumer.poll(timeout_ms=100)
            except (OffsetOutOfRangeError, LogTruncationError):
                self.jump_to("beginning")  # of a topic that was deleted and created again
                continue
            for partition, records in polled.items():
                self.position[partition.partition] = records[-1].offset + 1
                self.on_events([to_event(record) for record in records])
            closing.wait(PAUSE_S)

    def _refresh(self, consumer: Any) -> bool:
        """Request the partitions and end offsets, and jump if requested; return False without such a topic."""
        from kafka import TopicPartition

        numbers = consumer.partitions_for_topic(self.topic) or ()
        partitions = {TopicPartition(self.topic, number) for number in numbers}
        if not partitions:
            self.problem = f"There is no topic {self.topic!r} yet\nNext: eventlab up kafka"
            if self.position:  # it was deleted; a new topic of this name is read from its beginning
                self.position.clear()
                self.jump_to("beginning")
            return False
        ends = consumer.end_offsets(partitions, timeout_ms=TIMEOUT_MS)
        if any(self.position.get(partition.partition, 0) > end for partition, end in ends.items()):
            self.jump_to("beginning")  # the topic was deleted and created again
        jump = self._requested
        if jump:
            self.position.clear()
            self.on_reset()
        if consumer.assignment() != partitions or jump:
            consumer.assign(sorted(partitions))
            starts = consumer.beginning_offsets(partitions, timeout_ms=TIMEOUT_MS) if jump == "beginning" else ends
            for partition in partitions:
                consumer.seek(partition, self.position.setdefault(partition.partition, starts[partition]))
        with self._lock:
            if self._requested == jump:  # only now: after an error, the next refresh has to jump
                self._requested = None
        self.lag = sum(end - self.position[partition.partition] for partition, end in ends.items())
        self.problem = ""
        return True


def no_broker(bootstrap_servers: str) -> str:
    """Return the message of a widget when no broker answers, with the next command."""
    return f"Kafka does not answer at {bootstrap_servers}\nNext: eventlab up kafka"


def to_event(record: Any) -> Event:
    """Return a record of kafka-python as an event, whatever its value contains."""
    value = record.value or b""
    fields = json_object(value)
    if fields is not None:
        event_type, host = str(fields.pop("event_type", "(none)")), str(fields.pop("Host", ""))
        text = " · ".join(f"{name}: {value}" for name, value in fields.items())
    else:
        event_type, host, text = "(none)", "", value[: MAX_TEXT * 4].decode(errors="replace")
    place = (record.partition, record.offset, record.timestamp)
    return Event(*place, event_type[:MAX_NAME], host[:MAX_NAME], text[:MAX_TEXT])


def select_events(events: Iterable[Event], event_type: str, host: str) -> list[Event]:
    """Return the events of a type and a host; "" selects all."""
    return [event for event in events if event_type in ("", event.event_type) and host in ("", event.host)]
