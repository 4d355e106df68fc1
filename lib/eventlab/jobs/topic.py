"""A topic as Spark and the jobs see it: which messages are there now, and what a few of them look like."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from eventlab.settings import settings
from eventlab.stack.probes import NotAnswering, connect, quiet_kafka

MESSAGES_WORTH_A_TASK = 50_000
"""A partition of a small topic is read, and written, as one; a large one by every core."""
MESSAGES_A_POLL = 20_000
"""Kafka's consumer hands out 500 by default; on a million messages, that costs half as much again."""
SAMPLED = 200
"""Messages looked at from either end of a partition: old and new schemas."""


class JobError(RuntimeError):
    """The job cannot do its work (no topic, no event); earlier output is as it was."""


@dataclass(frozen=True)
class Topic:
    """The messages of a topic as of now: the first and the next offset of every partition.

    sampled: the fields of the first and the last messages of every partition, in alphabetical order; a guess at
    the topic's fields for the price of a few fetches.
    """

    name: str
    starts: dict[int, int]
    ends: dict[int, int]
    sampled: list[str]

    def __len__(self) -> int:
        return sum(self.ends.values()) - sum(self.starts.values())


def find_topic(name: str) -> Topic:
    """The topic's offsets, fixed here so that two passes see the same messages, and a look at it.

    JobError when there is no broker or no such topic, or the topic is empty.
    """
    with _consumer() as (kafka, consumer):
        if name not in consumer.topics():
            raise JobError(
                f"there is no topic {name!r} at {settings.bootstrap_servers}. There are: eventlab kafkacat -L"
            )
        partitions = [kafka.TopicPartition(name, number) for number in sorted(consumer.partitions_for_topic(name))]
        starts, ends = consumer.beginning_offsets(partitions), consumer.end_offsets(partitions)
        if starts == ends:
            raise JobError(
                f"topic {name!r} is empty: send events first, for example with: eventlab load -n 10 URL"
            )
        fields: set[str] = set()
        for partition in partitions:
            fields |= _sample(consumer, partition, starts[partition], ends[partition])
    return Topic(name, _by_number(starts), _by_number(ends), sorted(fields))


def read_topic(spark: SparkSession, topic: Topic) -> DataFrame:
    """The topic's messages with Kafka's columns (`value` is bytes), read by as many tasks as pay."""
    offsets = {
        "startingOffsets": json.dumps({topic.name: topic.starts}),
        "endingOffsets": json.dumps({topic.name: topic.ends}),
    }
    tasks = min(os.cpu_count() or 1, 1 + len(topic) // MESSAGES_WORTH_A_TASK)
    return (
        spark.read.format("kafka")
        .option("kafka.bootstrap.servers", settings.bootstrap_servers)
        .option("kafka.max.poll.records", str(MESSAGES_A_POLL))
        .option("subscribe", topic.name)
        .options(**offsets)
        .option("minPartitions", str(tasks))
        .load()
    )


def _sample(consumer: Any, partition: Any, start: int, end: int) -> set[str]:
    """The fields of a partition's first and last messages; those that are no JSON objects do not count."""
    fields: set[str] = set()
    consumer.assign([partition])
    for offset in {start, max(start, end - SAMPLED)} if end > start else ():
        consumer.seek(partition, offset)
        for records in consumer.poll(timeout_ms=1000, max_records=SAMPLED).values():
            fields |= {field for record in records for field in _fields(record.value)}
    return fields


def _fields(message: bytes | None) -> list[str]:
    try:
        event = json.loads(message or b"")
    except (ValueError, RecursionError):
        return []
    return list(event) if isinstance(event, dict) else []


def _by_number(offsets: dict[Any, int]) -> dict[int, int]:
    return {partition.partition: offset for partition, offset in offsets.items()}


@contextmanager
def _consumer() -> Iterator[tuple[Any, Any]]:
    """kafka-python's module and a consumer; JobError when no broker answers."""
    try:
        connect(settings.bootstrap_servers.split(",")[0])
    except NotAnswering as error:
        raise JobError(f"Kafka does not answer ({error}). Start it: eventlab up kafka") from error
    with (
        quiet_kafka() as kafka,
        closing(kafka.KafkaConsumer(bootstrap_servers=settings.bootstrap_servers)) as consumer,
    ):
        yield kafka, consumer
