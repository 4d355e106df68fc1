"""`-C`: from a topic's partitions to stdout, until the count, the end or Ctrl-C."""

from __future__ import annotations

import re
import select
import sys
from collections.abc import Iterable
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.consumer.fetcher import ConsumerRecord
from kafka.errors import KafkaError
from kafka.net.compat import KafkaNetClient

from eventlab.commands.kafkacat.client import TIMEOUT_MS, connect, stop_on_signals, unreachable
from eventlab.commands.kafkacat.format import Renderer, renderer
from eventlab.commands.kafkacat.options import ANY, Options
from eventlab.commands.kafkacat.report import (
    ALL_BROKERS_DOWN,
    INVALID_TOPIC,
    TRANSPORT_FAILURE,
    UNKNOWN_TOPIC,
    Fatal,
    info,
)

POLL_MS = 200
Offsets = dict[TopicPartition, int]


def run(options: Options) -> int:
    """Print the topic's messages as `options` say; 0 unless the run breaks (Fatal)."""
    render = renderer(options.format, options.key_delimiter)
    failed = f"Failed to query metadata for topic {options.topic}: {TRANSPORT_FAILURE}"
    as_librdkafka = {"check_crcs": False, "isolation_level": "read_committed"}
    consumer = connect(KafkaConsumer, options.brokers, failed, kafka_client=all_topics_client, **as_librdkafka)
    try:
        Reader(consumer, options, render).run()
    finally:
        consumer.close(timeout_ms=2000)
    return 0


def all_topics_client(**parameters: Any) -> KafkaNetClient:
    """A client that asks for all topics: asking for one by name may create it, also one that was just deleted.

    kafka-python 3.0 has a setting against that, `allow_auto_create_topics`, but does not pass it on.
    """
    client = KafkaNetClient(**parameters)
    client.cluster.need_all_topic_metadata = True
    return client


def select_partitions(topic: str, there: Iterable[int], wanted: int) -> list[TopicPartition]:
    """The partitions to read of those that are there. Raises Fatal where nothing is left."""
    numbers = sorted(there)
    if not numbers:
        valid = re.fullmatch(r"[a-zA-Z0-9._-]{1,249}", topic)
        raise Fatal(f"Topic {topic} error: {UNKNOWN_TOPIC if valid else INVALID_TOPIC}")
    if wanted == ANY:
        return [TopicPartition(topic, number) for number in numbers]
    if wanted not in numbers:
        raise Fatal(f"Topic {topic} (with partitions 0..{numbers[-1]}): partition {wanted} does not exist")
    return [TopicPartition(topic, wanted)]


def place(offset: str | int, first: int, end: int) -> int:
    """Where `-o` starts in a partition that holds the offsets from `first` up to, not including, `end`.

    An offset that is not there is the end, as in kcat.
    """
    if offset == "beginning":
        return first
    if isinstance(offset, str):
        return end
    if offset < 0:
        return max(first, end + offset)
    return offset if first <= offset <= end else end


class Reader:
    """Follows the partitions: prints what arrives, says where they end, notices that the brokers are gone."""

    def __init__(self, consumer: KafkaConsumer, options: Options, render: Renderer) -> None:
        self.consumer, self.options, self.render = consumer, options, render
        self.out = sys.stdout.buffer
        self.printed = 0
        self.ends: Offsets = {}
        self.announced: Offsets = {}

    def run(self) -> None:
        """Return when there is nothing left to do. Raises Fatal, or BrokenPipeError when nobody reads."""
        self._start()
        stop = stop_on_signals()
        while not (stop.is_set() or self._has_enough() or self._has_all()):
            batches = self.consumer.poll(POLL_MS, max_records=self._room())
            for records in batches.values():
                self._print(records)
            if not batches:
                self._check_output()
            if not self._has_enough():
                self._check_ends(idle=not batches)

    def _start(self) -> None:
        topic = self.options.topic
        there = self.consumer.partitions_for_topic(topic)
        partitions = select_partitions(topic, there, self.options.partition)
        self.consumer.assign(partitions)
        first = self.consumer.beginning_offsets(partitions, TIMEOUT_MS)
        self.ends = self.consumer.end_offsets(partitions, TIMEOUT_MS)
        for partition in partitions:
            self.consumer.seek(partition, place(self.options.offset, first[partition], self.ends[partition]))

    def _room(self) -> int | None:
        return None if self.options.count is None else self.options.count - self.printed

    def _has_enough(self) -> bool:
        return self._room() == 0

    def _has_all(self) -> bool:
        return self.options.exit_at_end and self.consumer.paused() == self.consumer.assignment()

    def _print(self, records: list[ConsumerRecord]) -> None:
        self.out.write(b"".join(map(self.render, records)))
        self.out.flush()
        self.printed += len(records)

    def _check_ends(self, idle: bool) -> None:
        """Say once per position that a partition has no more, after asking whether that is still so.

        Positions count, not messages: compaction and transactions leave offsets without a message.
        """
        new = {
            partition: position
            for partition in sorted(self.consumer.assignment() - self.consumer.paused())
            if (position := self.consumer.position(partition, TIMEOUT_MS))
            not in (None, self.announced.get(partition))
        }
        if idle or any(position >= self.ends[partition] for partition, position in new.items()):
            self._ask_ends()
        for partition, position in new.items():
            if position >= self.ends[partition]:
                self._announce(partition, position)

    def _ask_ends(self) -> None:
        """Where the partitions end now. Ends the run when nobody knows: kafka-python would wait for ever."""
        try:
            self.ends = self.consumer.end_offsets(self.consumer.assignment(), TIMEOUT_MS)
        except KafkaError as wrong:
            topic = self.options.topic
            if not self.consumer.partitions_for_topic(topic):
                raise Fatal(f"Topic {topic} error: it is no longer there ({UNKNOWN_TOPIC})") from wrong
            raise unreachable(ALL_BROKERS_DOWN, self.options.brokers) from wrong

    def _announce(self, partition: TopicPartition, position: int) -> None:
        self.announced[partition] = position
        if self.options.exit_at_end:
            self.consumer.pause(partition)
        if not self.options.quiet:
            exiting = ": exiting" if self._has_all() else ""
            info(f"Reached end of topic {partition.topic} [{partition.partition}] at offset {position}{exiting}")

    def _check_output(self) -> None:
        """End when nobody reads the pipe any more (`| head -1`), not only at the next message."""
        poll = select.poll()
        poll.register(self.out, 0)
        if any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0)):
            raise BrokenPipeError
