"""Producer mode (`-P`): send each line of stdin as a message, and wait until the brokers acknowledge it."""

import os
import select
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from eventlab.commands.kafkacat import metadata
from eventlab.commands.kafkacat.options import FatalError, Options, print_info

STDIN = 0
MAX_MESSAGE_BYTES = 1_000_000  # librdkafka's message.max.bytes
MAX_PENDING = 1000
PROPERTIES = metadata.PROPERTIES | {"delivery.report.only.error": True, "message.timeout.ms": 10_000}


def run(options: Options) -> int:
    """Send the lines of stdin; return 0, or 1 after a failed delivery. Raise FatalError if no broker answers."""
    failures: set[int] = set()

    def on_delivery(error: KafkaError, message: Any = None) -> None:
        failures.add(error.code())
        if not options.quiet:
            print_info(f"Delivery failed for message: {KafkaError(error.code()).str()}")

    producer = Producer(PROPERTIES | {"bootstrap.servers": options.brokers, "on_delivery": on_delivery})
    metadata.request(producer, options.brokers)
    try:
        for line in islice(split_lines(_read_stdin(producer, failures)), options.count):
            key, value = split_key(line, options.key_delimiter)
            try:
                producer.produce(options.topic, value, key, options.partition)
            except KafkaException as error:  # librdkafka knows that the topic or partition does not exist
                on_delivery(error.args[0])
    except KeyboardInterrupt:
        pass  # a line that is not complete is not sent
    finally:
        producer.flush()
    if KafkaError._MSG_TIMED_OUT in failures:
        raise metadata.no_answer(options.brokers)
    return 1 if failures else 0


def split_lines(chunks: Iterable[bytes], limit: int = MAX_MESSAGE_BYTES) -> Iterator[bytes]:
    """Yield each line as soon as it is complete; skip empty lines, as kcat does.

    Raises:
        FatalError: A line has more bytes than the limit.
    """
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        if any(len(line) > limit for line in (*lines, rest)):
            raise FatalError(f"Input is too large, maximum size is {limit}")
        yield from filter(None, lines)
    if rest:
        yield rest


def split_key(line: bytes, key_delimiter: bytes | None) -> tuple[bytes | None, bytes]:
    """Return key and value of a line; the key is None when the line does not contain the delimiter."""
    key, delimiter, value = line.partition(key_delimiter) if key_delimiter else (line, b"", b"")
    return (key, value) if delimiter else (None, line)


def _read_stdin(producer: Producer, failures: set[int]) -> Iterator[bytes]:
    """Yield what stdin has, so that a typed line is sent immediately; end when the brokers do not answer."""
    while KafkaError._MSG_TIMED_OUT not in failures:
        producer.poll(0)  # calls on_delivery
        if len(producer) > MAX_PENDING:
            producer.flush()
        if select.select([STDIN], [], [], 0.2)[0]:
            chunk = os.read(STDIN, 65536)
            if not chunk:
                return
            yield chunk
    producer.purge()
