"""`-P`: each line of stdin becomes a message, acknowledged by the brokers before we exit."""

from __future__ import annotations

import os
import select
import threading
import zlib
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError
from kafka.partitioner import StickyPartitioner
from kafka.producer.future import FutureRecordMetadata

from eventlab.commands.kafkacat.client import TIMEOUT_MS, connect, stop_on_signals
from eventlab.commands.kafkacat.options import ANY, Options
from eventlab.commands.kafkacat.report import (
    ALL_BROKERS_DOWN,
    INVALID_TOPIC,
    UNKNOWN_TOPIC,
    Fatal,
    client_error,
    info,
)

STDIN = 0
CHUNK = 65536
MAX_MESSAGE_BYTES = 1_000_000  # librdkafka's message.max.bytes
MAX_PENDING = 1000


def run(options: Options) -> int:
    """Send what stdin has; 0 when all of it was acknowledged, 1 when something was not."""
    producer = connect(
        KafkaProducer,
        options.brokers,
        ALL_BROKERS_DOWN,
        partitioner=ConsistentRandom(),
        linger_ms=5,
        max_block_ms=TIMEOUT_MS,
        request_timeout_ms=TIMEOUT_MS,
        delivery_timeout_ms=2 * TIMEOUT_MS,
    )
    stop = stop_on_signals()
    delivery = Delivery(producer, options)
    try:
        if delivery.find_topic():
            _send_lines(delivery, options, stop)
    finally:
        delivery.settle()
        producer.close(timeout=1)
    return 1 if delivery.failed else 0


def split(chunks: Iterable[bytes], limit: int = MAX_MESSAGE_BYTES) -> Iterator[bytes]:
    """The lines in a stream of bytes, each as soon as it is whole; empty ones are skipped, as in kcat.

    Raises Fatal for one of more than `limit` bytes, before more of it is read.
    """
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        if any(len(line) > limit for line in (*whole, rest)):
            raise Fatal(f"Input is too large, maximum size is {limit}")
        yield from filter(None, whole)
    if rest:
        yield rest


def key_and_value(line: bytes, key_delimiter: bytes | None) -> tuple[bytes | None, bytes]:
    """What `-K` makes of a line: without the delimiter in it, all of it is the value."""
    if key_delimiter and key_delimiter in line:
        key, _, value = line.partition(key_delimiter)
        return key, value
    return None, line


class ConsistentRandom(StickyPartitioner):
    """librdkafka's default: CRC-32 of the key, any partition without one (Java, kafka-python: murmur2)."""

    def partition(
        self, topic: str, key: Any, serialized_key: bytes | None, value: Any, serialized_value: Any, cluster: Any
    ) -> int:
        if not serialized_key:
            return int(super().partition(topic, None, None, value, serialized_value, cluster))
        partitions = sorted(cluster.partitions_for_topic(topic))
        return int(partitions[zlib.crc32(serialized_key) % len(partitions)])


class Delivery:
    """Sends messages and reports those that did not arrive; what is under way at a time is bounded."""

    def __init__(self, producer: KafkaProducer, options: Options) -> None:
        self.producer, self.options = producer, options
        self.failed = 0
        self._partitions: set[int] = set()
        self._pending: list[FutureRecordMetadata] = []

    def find_topic(self) -> bool:
        """Wait for the topic, which the broker may create now. False, and said so, where there is none."""
        try:
            self._partitions = self.producer.partitions_for(self.options.topic)
        except KafkaTimeoutError:
            self._fail(UNKNOWN_TOPIC)
        except ValueError:
            self._fail(INVALID_TOPIC)
        return bool(self._partitions)

    def send(self, key: bytes | None, value: bytes) -> None:
        partition = None if self.options.partition == ANY else self.options.partition
        if partition is not None and partition not in self._partitions:
            self._fail("Local: Unknown partition")
            return
        self._pending.append(self.producer.send(self.options.topic, value, key=key, partition=partition))
        if len(self._pending) >= MAX_PENDING:
            self.settle()

    def settle(self) -> None:
        """Wait until everything sent is acknowledged or has failed."""
        self.producer.flush()
        for future in self._pending:
            try:
                future.get()
            except KafkaTimeoutError:
                self._fail("Local: Message timed out")
            except KafkaError as wrong:
                self._fail(client_error(wrong))
        self._pending.clear()

    def _fail(self, reason: str) -> None:
        self.failed += 1
        if not self.options.quiet:
            info(f"Delivery failed for message: {reason}")


def _send_lines(delivery: Delivery, options: Options, stop: threading.Event) -> None:
    for line in islice(split(_chunks(STDIN, stop)), options.count):
        if stop.is_set():
            return  # half a line, perhaps
        delivery.send(*key_and_value(line, options.key_delimiter))


def _chunks(descriptor: int, stop: threading.Event) -> Iterator[bytes]:
    """What there is to read, when it is there: a line typed or piped goes out at once."""
    while not stop.is_set():
        ready, _, _ = select.select([descriptor], [], [], 0.2)
        if ready:
            chunk = os.read(descriptor, CHUNK)
            if not chunk:
                return
            yield chunk
