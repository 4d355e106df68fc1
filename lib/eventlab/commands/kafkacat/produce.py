"""Producer mode (`-P`): send each line of stdin as a message, and wait until the brokers acknowledge it."""

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

from eventlab.commands.kafkacat import client
from eventlab.commands.kafkacat.client import TIMEOUT_MS
from eventlab.commands.kafkacat.options import Options

STDIN = 0
MAX_MESSAGE_BYTES = 1_000_000  # librdkafka's message.max.bytes
MAX_PENDING = 1000


def run(options: Options) -> int:
    """Send the lines of stdin; return 0, or 1 when a message was not delivered."""
    config = {"linger_ms": 5, "max_block_ms": TIMEOUT_MS, "delivery_timeout_ms": 2 * TIMEOUT_MS}
    config["partitioner"] = LibrdkafkaPartitioner()
    producer = client.connect(KafkaProducer, options.brokers, client.ALL_BROKERS_DOWN, **config)
    failures = Failures(options.quiet, client.stop_on_signals())
    try:
        _send_lines(producer, options, failures)
    except KafkaTimeoutError:
        failures.add(client.UNKNOWN_TOPIC)
    except ValueError:
        failures.add(client.INVALID_TOPIC)
    finally:
        producer.flush()
        producer.close(timeout=1)
    if failures.timed_out:
        raise client.no_answer(client.ALL_BROKERS_DOWN, options.brokers)
    return 1 if failures.count else 0


class Failures:
    """Reports and counts messages that are not delivered; stops the run when no broker answers."""

    def __init__(self, quiet: bool, stop: threading.Event) -> None:
        self.quiet, self.stop = quiet, stop
        self.count, self.timed_out = 0, False

    def add(self, reason: str) -> None:
        """Report a message that is not delivered."""
        self.count += 1
        if not self.quiet:
            client.print_info(f"Delivery failed for message: {reason}")

    def add_error(self, error: KafkaError) -> None:
        """Report a message that the producer could not deliver."""
        if isinstance(error, KafkaTimeoutError):
            self.timed_out = True
            self.stop.set()
        self.add("Local: Message timed out" if self.timed_out else client.kafka_message(error))


def split_lines(chunks: Iterable[bytes], limit: int = MAX_MESSAGE_BYTES) -> Iterator[bytes]:
    """Yield each line as soon as it is complete; skip empty lines, as kcat does.

    Raises:
        FatalError: A line has more bytes than the limit.
    """
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        if any(len(line) > limit for line in (*lines, rest)):
            raise client.FatalError(f"Input is too large, maximum size is {limit}")
        yield from filter(None, lines)
    if rest:
        yield rest


def split_key(line: bytes, key_delimiter: bytes | None) -> tuple[bytes | None, bytes]:
    """Return key and value of a line; the key is None when the line does not contain the delimiter."""
    key, found, value = line.partition(key_delimiter) if key_delimiter else (line, b"", b"")
    return (key, value) if found else (None, line)


class LibrdkafkaPartitioner(StickyPartitioner):
    """Partitions by the CRC-32 of the key as librdkafka does (Java and kafka-python use murmur2)."""

    def partition(self, topic: str, key: Any, key_bytes: bytes | None, value: Any, data: Any, cluster: Any) -> int:
        """Return the partition for a message."""
        if not key_bytes:
            return int(super().partition(topic, None, None, value, data, cluster))
        partitions = sorted(cluster.partitions_for_topic(topic))
        return int(partitions[zlib.crc32(key_bytes) % len(partitions)])


def _send_lines(producer: KafkaProducer, options: Options, failures: Failures) -> None:
    topic, stop = options.topic, failures.stop
    partitions = producer.partitions_for(topic)  # the broker may create the topic now
    lines = islice(split_lines(_read_stdin(stop)), options.count)
    for number, line in enumerate(lines, start=1):
        if stop.is_set():
            break  # the line may be incomplete
        if options.partition not in {None, *partitions}:
            failures.add("Local: Unknown partition")
            continue
        key, value = split_key(line, options.key_delimiter)
        producer.send(topic, value, key=key, partition=options.partition).add_errback(failures.add_error)
        if number % MAX_PENDING == 0:
            producer.flush()


def _read_stdin(stop: threading.Event) -> Iterator[bytes]:
    """Yield data as soon as stdin has it, so that a typed line is sent at once."""
    while not stop.is_set():
        if select.select([STDIN], [], [], 0.2)[0]:
            chunk = os.read(STDIN, 65536)
            if not chunk:
                return
            yield chunk
