"""Follow a streaming query in the background: its state, its topics' events, and the windows in its state."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from eventlab.clients.kafka import Offsets, offsets_of
from eventlab.clients.kafka_connections import open_consumer
from eventlab.clients.stream_events import TimedEvent, timed_event
from eventlab.clients.stream_query import observe
from eventlab.clients.stream_state import StreamState
from eventlab.clients.stream_windows import KEPT_BATCHES, Change, WindowState, read_changes, window_states
from eventlab.errors import ServiceUnavailable
from eventlab.widgets.follower import FETCH_OPTIONS, no_broker

logger = logging.getLogger(__name__)

POLL_S, POLL_ENDED_S = 1.0, 5.0
"""Seconds between two questions to Spark and Kafka, while the query runs and when it has ended."""
TIMEOUT_S = 3.0
KEPT_CHANGES = 5000
KEPT_EVENTS = 200
"""Events that are kept, and how many of each partition are read from before the start."""


class StreamFollower:
    """Asks a query for its state every second, until it is closed.

    Args:
        query: The streaming query.
        on_change: Called in the follower's thread after each answer.
        with_events: Read the topics' events and the windows of the state too, for a query with a watermark.

    Attributes:
        state: The last state, or None before the first answer.
        problem: Why something cannot be read now, or "".
        events: The last events of the topics, in the order in which they were read.
        windows: The windows of the state, the earliest first.
    """

    def __init__(
        self, query: Any, servers: str, on_change: Callable[[], None], *, with_events: bool = False
    ) -> None:
        self.query, self.bootstrap_servers, self.on_change = query, servers, on_change
        self.with_events = with_events
        self.state: StreamState | None = None
        self.problem = ""
        self.events: deque[TimedEvent] = deque(maxlen=KEPT_EVENTS)
        self.windows: list[WindowState] = []
        self._positions: dict[tuple[str, int], int] = {}
        self._read_batch = -1
        self._changes: deque[Change] = deque(maxlen=KEPT_CHANGES)
        self._consumer: Any = None
        self._kafka_errors: tuple[type[Exception], ...] = (ServiceUnavailable, OSError)

    def run(self, closing: threading.Event) -> None:
        """Follow the query until the event is set."""
        from kafka.errors import KafkaError

        self._kafka_errors = (ServiceUnavailable, OSError, KafkaError)
        while not closing.is_set():
            with contextlib.ExitStack() as connections:
                self._consumer = None
                self._follow(closing, connections)

    def _follow(self, closing: threading.Event, connections: contextlib.ExitStack) -> None:
        """Ask and wait, until a connection to Kafka is lost or the event is set."""
        while not closing.is_set():
            self.problem, kafka_is_lost = "", False
            try:
                self._step(connections)
            except self._kafka_errors as error:
                logger.info("Kafka cannot be read: %s", error)
                self.problem = no_broker(self.bootstrap_servers)
                kafka_is_lost = True
            except Exception as error:  # Spark's errors have many classes, and a thread can report them only here
                logger.info("the query cannot be read", exc_info=True)
                reason = str(error).partition("\n")[0][:200]
                self.problem = f"Spark does not answer for this query: {reason}\nNext: eventlab status"
            if not closing.is_set():
                self.on_change()
            closing.wait(POLL_S if self.state and self.state.is_active else POLL_ENDED_S)
            if kafka_is_lost:
                return

    def _step(self, connections: contextlib.ExitStack) -> None:
        """Ask once: Spark for the query, Kafka for the offsets and new events, Spark for the windows."""

        def offsets(topic: str) -> Offsets | None:
            if self._consumer is None:
                consumer = open_consumer(self.bootstrap_servers, TIMEOUT_S, **FETCH_OPTIONS)
                self._consumer = connections.enter_context(consumer)
            return offsets_of(self._consumer, topic)

        try:
            self.state = observe(self.query, offsets)
        except self._kafka_errors:
            self.state = observe(self.query, lambda topic: None)  # without Kafka, Spark still answers
            raise
        if self.with_events and self.state.plan.watermarks:
            self._read_events(self.state)
            self._read_windows(self.state)

    def _read_events(self, state: StreamState) -> None:
        """Read the events that are new since the last time, at first the last KEPT_EVENTS of each partition."""
        from kafka import TopicPartition

        ends = {(item.topic, item.number): item.end for item in state.partitions}
        if not ends or self._consumer is None:
            return
        for item in state.partitions:
            place = (item.topic, item.number)
            if self._positions.get(place, 0) > item.end:  # the topic was deleted and created again
                self._positions.pop(place)
                self.events.clear()
            self._positions.setdefault(place, max(item.first, item.end - KEPT_EVENTS))
        partitions = {TopicPartition(*place): place for place in ends}
        self._consumer.assign(sorted(partitions))
        for partition, place in partitions.items():
            self._consumer.seek(partition, self._positions[place])
        while any(self._positions[place] < end for place, end in ends.items()):
            batch = self._consumer.poll(timeout_ms=500)
            for partition, records in batch.items():
                self._positions[partition.topic, partition.partition] = records[-1].offset + 1
                found = (timed_event(record, state.plan.watermarks[0].field) for record in records)
                self.events.extend(event for event in found if event)
            if not batch:
                return  # the rest follows in the next step

    def _read_windows(self, state: StreamState) -> None:
        """Read the windows of the state if a batch has ended since the last time."""
        last = max((batch.number for batch in state.batches if batch.ran), default=-1)
        session = getattr(self.query, "_session", None)
        if last <= self._read_batch or not state.plan.checkpoint or state.plan.window is None or session is None:
            return
        since = max(self._read_batch + 1, last - KEPT_BATCHES)
        try:
            self._changes.extend(read_changes(session, state.plan.checkpoint, since))
        except Exception:  # Spark's errors have many classes
            if state.is_active:
                raise
            return  # a checkpoint that Spark has chosen is deleted when the query ends
        self.windows = window_states(self._changes)
        self._read_batch = last
