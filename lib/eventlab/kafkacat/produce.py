"""`-P`: each line of stdin, or each file, becomes a message, acknowledged by the brokers before we exit."""

from __future__ import annotations

import os
import sys
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError
from kafka.net.compat import KafkaNetClient
from kafka.partitioner import DefaultPartitioner, StickyPartitioner
from kafka.producer.future import FutureRecordMetadata

from eventlab.kafkacat.client import Stop, accepted, common, timeout_ms
from eventlab.kafkacat.options import Options
from eventlab.kafkacat.properties import Properties
from eventlab.kafkacat.report import (
    ALL_BROKERS_DOWN,
    MESSAGE_TIMED_OUT,
    UNKNOWN_PARTITION,
    UNKNOWN_TOPIC,
    Fatal,
    client_error,
    info,
    unreachable,
)

CHUNK = 65536
PENDING_MESSAGES = 10_000
PENDING_BYTES = 32 * 1024 * 1024
MAX_MESSAGE_BYTES = 1_000_000  # librdkafka's message.max.bytes
FAILURES_SHOWN = 10


def run(options: Options, properties: Properties) -> int:
    """Send everything that was asked for; 0 when all of it was acknowledged, 1 when something was not."""
    with Stop() as stop:
        with stop.breaking():
            producer = _connect(options, properties)
        try:
            delivery = Delivery(producer, options)
            if not delivery.find_topic():
                return 1
            transactional = "transactional_id" in properties
            if transactional:
                _begin(producer, options)
            try:
                complete = _send_all(delivery, options, properties, stop)
            finally:
                delivery.finish()
            if transactional:
                _end(producer, options, stop)
        finally:
            producer.close(timeout=1)
    return 0 if complete and not delivery.failed else 1


def split(chunks: Iterable[bytes], delimiter: bytes, limit: int = MAX_MESSAGE_BYTES) -> Iterator[bytes]:
    """The messages in a stream of bytes, each as soon as it is whole; empty ones are skipped, as in kcat.

    Raises Fatal for one of more than `limit` bytes.
    """
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(delimiter)
        yield from _of_size(whole, limit)
        if len(rest) > limit + len(delimiter):  # before more of it is read
            raise _too_large(limit)
    yield from _of_size([rest], limit)


def key_and_value(message: bytes, options: Options) -> tuple[bytes | None, bytes | None]:
    """What `-K`, `-k` and `-Z` make of a message: without the delimiter in it, all of it is the value."""
    if options.key_delimiter:
        key, found, value = message.partition(options.key_delimiter)
        if found and options.nulls:
            return key or options.key, value or None
        if found:
            return key, value
    return options.key, message


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
    """Sends messages and keeps count of those that did not arrive; what is under way at a time is bounded."""

    def __init__(self, producer: KafkaProducer, options: Options) -> None:
        self.producer, self.options = producer, options
        self.sent = self.failed = 0
        self._partitions: set[int] = set()
        self._pending: deque[tuple[FutureRecordMetadata, int]] = deque()
        self._pending_bytes = 0

    def find_topic(self) -> bool:
        """Wait for the topic, which the broker may create now. False, and said so, where there is none."""
        try:
            self._partitions = self.producer.partitions_for(self.options.topic)
        except (KafkaError, ValueError) as wrong:
            self._fail(UNKNOWN_TOPIC if isinstance(wrong, KafkaTimeoutError) else client_error(wrong))
            return False
        return True

    def send(self, key: bytes | None, value: bytes | None) -> None:
        self.sent += 1
        if self.options.partition is not None and self.options.partition not in self._partitions:
            self._fail(UNKNOWN_PARTITION)
            return
        size = len(key or b"") + len(value or b"")
        try:
            future = self.producer.send(
                self.options.topic,
                key=key,
                value=value,
                headers=list(self.options.headers),
                partition=self.options.partition,
            )
        except (KafkaError, ValueError) as wrong:
            raise Fatal(f"Failed to produce message ({size} bytes): {client_error(wrong)}") from wrong
        self._pending.append((future, size))
        self._pending_bytes += size
        while len(self._pending) > PENDING_MESSAGES or self._pending_bytes > PENDING_BYTES:
            self._settle()

    def finish(self) -> None:
        """Wait until everything sent is acknowledged or has failed."""
        self.producer.flush()
        while self._pending:
            self._settle()
        if self.failed > FAILURES_SHOWN and not self.options.quiet:
            info(f"Delivery failed for {self.failed - FAILURES_SHOWN} more messages")

    def _settle(self) -> None:
        future, size = self._pending.popleft()
        self._pending_bytes -= size
        try:
            future.get()
        except KafkaError as wrong:
            self._fail(MESSAGE_TIMED_OUT if isinstance(wrong, KafkaTimeoutError) else client_error(wrong))

    def _fail(self, reason: str) -> None:
        self.failed += 1
        if self.failed <= FAILURES_SHOWN and not self.options.quiet:
            info(f"Delivery failed for message: {reason}")


def _connect(options: Options, properties: Properties) -> KafkaProducer:
    clients: list[KafkaNetClient] = []

    def client(**parameters: Any) -> KafkaNetClient:
        clients.append(KafkaNetClient(**parameters))
        clients[0].cluster.need_all_topic_metadata = True  # else a second request, which waits 100 ms
        return clients[0]

    partitioner = properties.get("partitioner", "consistent_random")
    parameters = {
        "acks": -1,
        "linger_ms": 5,
        "batch_size": 131072,
        "max_block_ms": timeout_ms(options),
        "request_timeout_ms": 5000,
        "delivery_timeout_ms": 10_000,
        "metrics_enabled": False,
        **common(options, properties),
        "partitioner": ConsistentRandom() if partitioner == "consistent_random" else DefaultPartitioner(),
        "kafka_client": client,
    }
    try:
        producer = KafkaProducer(**accepted(KafkaProducer, parameters))
    except KafkaTimeoutError as wrong:
        raise Fatal(f"{ALL_BROKERS_DOWN} {unreachable(properties['bootstrap_servers'])}") from wrong
    except (KafkaError, ValueError, RuntimeError) as wrong:
        raise Fatal(f"Failed to create producer: {client_error(wrong)}") from wrong
    clients[0].cluster.need_all_topic_metadata = False  # so that the topic can be created
    return producer


def _send_all(delivery: Delivery, options: Options, properties: Properties, stop: Stop) -> bool:
    """Send stdin's lines, a file's lines (-l) or whole files; False when no file could be read."""
    if options.arguments and not options.lines:
        return _send_files(delivery, options)
    limit = properties.get("max_request_size", MAX_MESSAGE_BYTES)
    descriptor = _input(options)
    try:
        for message in split(_chunks(descriptor, stop), options.delimiter, limit):
            delivery.send(*key_and_value(message, options))
            if options.tee:
                sys.stdout.buffer.write(message)
                sys.stdout.buffer.flush()
            if stop.requested or delivery.sent == options.count:
                break
    except KeyboardInterrupt:
        pass  # what was read is sent, and the half of a line after it is not
    return True


def _send_files(delivery: Delivery, options: Options) -> bool:
    good = 0
    for name in options.arguments:
        try:
            content = Path(name).read_bytes()
        except OSError as wrong:
            info(f"Failed to open {name}: {wrong.strerror}")
            continue
        good += 1
        if content:
            delivery.send(options.key, content)
    if 0 < good < len(options.arguments):
        info(f"Failed to produce from {len(options.arguments) - good}/{len(options.arguments)} files")
    return good > 0


def _input(options: Options) -> int:
    if not options.arguments:
        return 0
    try:
        return os.open(options.arguments[0], os.O_RDONLY)
    except OSError as wrong:
        raise Fatal(f"Cannot open {options.arguments[0]}: {wrong.strerror}") from wrong


def _chunks(descriptor: int, stop: Stop) -> Iterator[bytes]:
    """What there is to read, when it is there: a line typed or piped goes out at once."""
    while True:
        with stop.breaking():
            chunk = os.read(descriptor, CHUNK)
        if not chunk:
            return
        yield chunk


def _of_size(messages: list[bytes], limit: int) -> Iterator[bytes]:
    for message in filter(None, messages):
        if len(message) > limit:
            raise _too_large(limit)
        yield message


def _too_large(limit: int) -> Fatal:
    return Fatal(f"Input is too large, maximum size is {limit}")


def _begin(producer: KafkaProducer, options: Options) -> None:
    if not options.quiet:
        info("Using transactional producer")
    try:
        producer.init_transactions()
        producer.begin_transaction()
    except KafkaError as wrong:
        raise Fatal(f"init_transactions(): {client_error(wrong)}") from wrong


def _end(producer: KafkaProducer, options: Options, stop: Stop) -> None:
    if stop.requested:
        info("Aborting transaction due to termination signal")
        producer.abort_transaction()
        return
    if not options.quiet:
        info("Committing transaction")
    try:
        producer.commit_transaction()
    except KafkaError as wrong:
        raise Fatal(f"commit_transaction(): {client_error(wrong)}") from wrong
    if not options.quiet:
        info("Transaction successfully committed")
