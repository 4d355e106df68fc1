"""A topic from outside Spark: its messages, their number, a copy of them, the topic anew."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from eventlab.settings import settings
from eventlab.stack import probes

DELETION_S = 30


def messages(topic: str) -> Iterator[Any]:
    """Every message that the topic holds now (kafka-python's ConsumerRecord), from the beginning, as it comes."""
    with _consumer() as (kafka, consumer):
        ends = consumer.end_offsets(_partitions(kafka, consumer, topic))
        consumer.assign(list(ends))
        consumer.seek_to_beginning()
        while any(consumer.position(partition) < end for partition, end in ends.items()):
            for partition, records in consumer.poll(timeout_ms=200).items():
                yield from (record for record in records if record.offset < ends[partition])


def read_values(topic: str) -> list[bytes]:
    """The values of the topic's messages; [] when there is no such topic."""
    return [message.value or b"" for message in messages(topic)]


def count(topic: str) -> int:
    """How many messages the topic holds, told by its offsets (of a topic without transactions or compaction)."""
    with _consumer() as (kafka, consumer):
        partitions = _partitions(kafka, consumer, topic)
        return sum(consumer.end_offsets(partitions).values()) - sum(
            consumer.beginning_offsets(partitions).values()
        )


def save(topic: str, folder: Path) -> tuple[int, Path]:
    """Copy the topic's messages to a new file, one JSON object a line; return their number and the file.

    A line has `partition`, `offset`, `timestamp` (ms), `key`, `value` and `headers`. What is text is text; bytes
    that are no UTF-8 are {"base64": ...}.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{topic}-{time.strftime('%Y%m%d-%H%M%S')}-{time.time_ns() % 10**9:09}.jsonl"
    kept = 0
    with path.open("x", encoding="utf-8") as file:
        for message in messages(topic):
            file.write(json.dumps(_as_line(message), ensure_ascii=False) + "\n")
            kept += 1
    return kept, path


def ensure_topic(topic: str) -> None:
    """Create the topic (1 partition, replication 1) unless it is there."""
    with _admin() as (kafka, admin), suppress(kafka.errors.TopicAlreadyExistsError):
        _create(admin, topic)


def recreate_topic(topic: str) -> None:
    """Delete the topic and create it anew, empty, with offsets from 0."""
    with _admin() as (kafka, admin):
        if topic in admin.list_topics():
            admin.delete_topics([topic])
        deadline = time.monotonic() + DELETION_S
        while True:
            try:
                return _create(admin, topic)
            except kafka.errors.TopicAlreadyExistsError:  # its deletion is under way
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)


def _create(admin: Any, topic: str) -> None:
    admin.create_topics({topic: {"num_partitions": 1, "replication_factor": 1}})


def _as_line(message: Any) -> dict[str, object]:
    return {
        "partition": message.partition,
        "offset": message.offset,
        "timestamp": message.timestamp,
        "key": _as_text(message.key),
        "value": _as_text(message.value),
        "headers": [[name, _as_text(value)] for name, value in message.headers],
    }


def _as_text(data: bytes | None) -> str | dict[str, str] | None:
    try:
        return data if data is None else data.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data or b"").decode()}


def _partitions(kafka: Any, consumer: Any, topic: str) -> list[Any]:
    return [kafka.TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]


@contextmanager
def _consumer() -> Iterator[tuple[Any, Any]]:
    with probes.quiet_kafka() as kafka:
        options = {"bootstrap_servers": settings.bootstrap_servers, "enable_auto_commit": False}
        with closing(kafka.KafkaConsumer(**options)) as consumer:
            yield kafka, consumer


@contextmanager
def _admin() -> Iterator[tuple[Any, Any]]:
    with (
        probes.quiet_kafka() as kafka,
        closing(kafka.KafkaAdminClient(bootstrap_servers=settings.bootstrap_servers)) as admin,
    ):
        yield kafka, admin
