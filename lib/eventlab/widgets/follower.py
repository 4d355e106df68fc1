"""A topic followed in the background, by a consumer of no group: it commits nothing and disturbs nobody."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

from eventlab.clients.kafka import open_consumer
from eventlab.errors import ServiceUnavailable
from eventlab.settings import Settings

LOOK_S = 2.0
"""How often it is asked how far the topic goes, and whether it is still the same topic."""
ANSWER_MS = 1500
AGAIN_S = 0.5
BREATH_S = 0.002
"""Between two batches, for the kernel's other threads: a replay of a large topic would leave them little."""
LONGEST, NAME = 300, 60
"""How many characters are kept of a message, and of its type and host."""


class Event(NamedTuple):
    """One message as it is shown: `kind` is its event type, `text` its other fields, or all that it is."""

    partition: int
    offset: int
    timestamp_ms: int
    kind: str
    host: str
    text: str


Sink = Callable[[list[Event]], None]


class Follower:
    """Reads what comes and hands it on in batches; keeps its place while it is paused or Kafka is away.

    position: the next offset of each partition. behind: how many messages it has not read yet.
    """

    def __init__(self, settings: Settings, topic: str, sink: Sink, forget: Callable[[], None]) -> None:
        self.settings, self.topic = settings, topic
        self.sink, self.forget = sink, forget
        self.is_paused = False
        self.problem = ""
        self.behind = 0
        self.position: dict[int, int] = {}
        self._wish: str | None = None
        self._lock = threading.Lock()

    def jump(self, where: str) -> None:
        """Go on from the topic's `beginning` or `end`."""
        with self._lock:
            self._wish = where

    def work(self, ending: threading.Event) -> None:
        """Follow until the event is set, through every outage of the broker."""
        logger, silent = logging.getLogger("kafka"), logging.NullHandler()
        logger.addHandler(
            silent
        )  # else Python prints into the notebook what an absent broker makes the client say
        try:
            while not ending.is_set():
                self._try_to_follow(ending)
        finally:
            logger.removeHandler(silent)

    def _try_to_follow(self, ending: threading.Event) -> None:
        import kafka

        try:
            with self._consumer() as consumer:
                self._follow(kafka, consumer, ending)
        except (ServiceUnavailable, kafka.errors.KafkaError, OSError):
            self.problem = (
                f"Kafka does not answer at {self.settings.bootstrap_servers}. Start it: eventlab up kafka"
            )
        ending.wait(AGAIN_S)

    def _consumer(self) -> AbstractContextManager[Any]:
        return open_consumer(
            self.settings.bootstrap_servers,
            ANSWER_MS / 1000,
            metadata_max_age_ms=int(LOOK_S * 1000),
            fetch_max_wait_ms=100,
            max_partition_fetch_bytes=256 * 1024,  # what is fetched ahead is memory
        )

    def _follow(self, kafka: Any, consumer: Any, ending: threading.Event) -> None:
        looked = 0.0
        while not ending.is_set():
            if time.monotonic() - looked > LOOK_S or self._wish:
                if not self._look(kafka, consumer):
                    return
                looked = time.monotonic()
            if self.is_paused:
                ending.wait(0.1)
                continue
            for partition, records in consumer.poll(timeout_ms=100).items():
                self.position[partition.partition] = records[-1].offset + 1
                self.sink([as_event(record) for record in records])
            ending.wait(BREATH_S)

    def _look(self, kafka: Any, consumer: Any) -> bool:
        """Find the partitions and their ends, and go where it is wished; False when there is no such topic."""
        partitions = {
            kafka.TopicPartition(self.topic, number) for number in consumer.partitions_for_topic(self.topic) or ()
        }
        if not partitions:
            self.problem = f"There is no topic {self.topic!r} yet. It is made by: eventlab up kafka"
            self.position.clear()
            return False
        ends = consumer.end_offsets(partitions, timeout_ms=ANSWER_MS)
        with self._lock:
            wish, self._wish = self._wish, None
        if any(self.position.get(each.partition, 0) > end for each, end in ends.items()):
            wish = "beginning"  # of a new topic of the same name
        if wish:
            self.position.clear()
            self.forget()
        if consumer.assignment() != partitions or wish:
            consumer.assign(sorted(partitions))
            starts = consumer.beginning_offsets(partitions, timeout_ms=ANSWER_MS) if wish == "beginning" else ends
            for each in partitions:
                consumer.seek(each, self.position.setdefault(each.partition, starts[each]))
        self.behind = sum(end - self.position[each.partition] for each, end in ends.items())
        self.problem = ""
        return True


def as_event(record: Any) -> Event:
    """A record as it is shown, whatever is in it."""
    value = record.value or b""
    try:
        fields = json.loads(value)
    except (ValueError, RecursionError):
        fields = None
    if isinstance(fields, dict):
        kind, host = str(fields.pop("event_type", "(none)")), str(fields.pop("Host", ""))
        text = " · ".join(f"{name}: {value}" for name, value in fields.items())
    else:
        kind, host, text = "(none)", "", value[: LONGEST * 4].decode(errors="replace")
    return Event(record.partition, record.offset, record.timestamp, kind[:NAME], host[:NAME], text[:LONGEST])


def matching(events: Iterable[Event], kind: str, host: str) -> list[Event]:
    """Those of that type and that host; empty words stand for all."""
    return [event for event in events if kind in ("", event.kind) and host in ("", event.host)]
