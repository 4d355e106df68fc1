"""A streaming query that shows nothing, with what Spark and Kafka report about it, for `%why`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from eventlab.clients import kafka
from eventlab.clients.stream_checkpoint import Checkpoint
from eventlab.clients.stream_events import KAFKA_TIME, EventOutcome, outcomes, timed_event
from eventlab.clients.stream_query import observe
from eventlab.clients.stream_state import StreamState
from eventlab.clients.stream_windows import read_open
from eventlab.explain.checkpoints import checkpoint_in
from eventlab.explain.failed_cell import FailedCell
from eventlab.explain.options import option_values
from eventlab.explain.query_program import program_of
from eventlab.explain.session import session_of
from eventlab.settings import Settings

MAX_EVENTS = 1000
"""Messages of each partition that are read to find those that were late: the last ones that the query has read."""
ReadTopic = Callable[[str, Mapping[int, int]], Iterable[Any]]
"""Returns the records of a topic from a start offset of each partition on."""


@dataclass(frozen=True)
class SilentQuery:
    """A query with its variable, the statements that define it, and its state.

    Attributes:
        cell: The statements as a cell, with the notebook's variables.
        open_ends: Returns the ends of the windows in the query's state, in seconds since 1970.
        read_checkpoint: Returns what is in a folder with a checkpoint, or None.
    """

    name: str
    query: Any
    cell: FailedCell
    state: StreamState
    settings: Settings
    read: ReadTopic
    open_ends: Callable[[], list[float]]
    read_checkpoint: Callable[[str], Checkpoint | None]

    @property
    def checkpoint_folder(self) -> str:
        """Return the folder of the query's checkpoint, from its plan or its program, or ""."""
        return self.state.plan.checkpoint or next(option_values(self.cell, "checkpointLocation"), "")

    @property
    def topic(self) -> str:
        """Return the topic that the query reads, or that of the settings."""
        return next(iter(self.state.topics), self.settings.topic)

    @property
    def event_time(self) -> str:
        """Return the field of a message with the event time."""
        return self.state.plan.watermarks[0].field if self.state.plan.watermarks else KAFKA_TIME

    @cached_property
    def events(self) -> list[EventOutcome]:
        """Return the events that the query has read, at most MAX_EVENTS of each partition."""
        found = []
        for topic in self.state.topics:
            partitions = [item for item in self.state.partitions if item.topic == topic]
            start = {item.number: max(item.first, item.next - MAX_EVENTS) for item in partitions}
            found += [timed_event(record, self.event_time) for record in self.read(topic, start)]
        return list(outcomes(filter(None, found), self.state))


def observed(name: str, query: Any, cell: FailedCell, settings: Settings) -> SilentQuery:
    """Return the query with its program and its state now.

    Raises:
        KafkaUnavailable: The query reads a topic, and no broker answers.
    """
    servers = settings.bootstrap_servers
    program = FailedCell(None, program_of(cell, name), cell.namespace)
    state = observe(query, lambda topic: kafka.topic_offsets(servers, topic))

    def read(topic: str, start: Mapping[int, int]) -> Iterable[Any]:
        return kafka.read_topic(servers, topic, start=start)

    def open_ends() -> list[float]:
        session = session_of(program)
        if session is None or not state.plan.checkpoint:
            return []
        return sorted(change.end_s or 0.0 for change in read_open(session, state.plan.checkpoint))

    checkpoint = functools.partial(checkpoint_in, settings=settings)
    return SilentQuery(name, query, program, state, settings, read, open_ends, checkpoint)
