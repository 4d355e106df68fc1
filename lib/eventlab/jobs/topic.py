"""The messages of a topic for a job: their offsets at one moment, a sample of their fields, a DataFrame."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame, SparkSession

from eventlab.clients import kafka
from eventlab.clients.spark_kafka import KAFKA_READ_OPTIONS
from eventlab.errors import EventlabError
from eventlab.settings import settings

if TYPE_CHECKING:
    from kafka import KafkaConsumer

MESSAGES_PER_TASK = 50_000
"""A partition with fewer messages is read by one task; a larger one is split among the processors."""
MAX_POLL_RECORDS = 20_000
"""With the default of Kafka's consumer, 500, reading a million messages takes 1.5 times as long."""
SAMPLED = 200
"""Number of messages that are sampled at each end of a partition, where old and new schemas are."""


class JobError(EventlabError):
    """The job cannot do its work (no topic, no event); earlier output is unchanged."""


@dataclass(frozen=True)
class TopicSnapshot:
    """A topic at one moment.

    Attributes:
        offsets: Its offsets.
        sampled_fields: The fields of each partition's first and last messages, in alphabetical order: a fast guess
            at the fields of the whole topic.
    """

    name: str
    offsets: kafka.Offsets
    sampled_fields: list[str]


def find_topic(name: str) -> TopicSnapshot:
    """Return the topic with its current offsets, so that two passes over it read the same messages.

    Raises:
        JobError: The topic does not exist or is empty.
    """
    with kafka.open_consumer(settings.bootstrap_servers) as consumer:
        offsets = kafka.offsets_of(consumer, name)
        if offsets is None:
            message = f"there is no topic {name!r} at {settings.bootstrap_servers}"
            raise JobError(message, next_command="eventlab kafkacat -L")
        if not offsets.count:
            raise JobError(f"topic {name!r} is empty", next_command=f"eventlab load -n 10 {settings.api_url}/")
        fields = {field for value in _sample(consumer, name, offsets) for field in kafka.json_object(value) or ()}
    return TopicSnapshot(name, offsets, sorted(fields))


def load_messages(spark: SparkSession, topic: TopicSnapshot) -> DataFrame:
    """Return the topic's messages with the columns of Spark's Kafka source; `value` is binary."""
    options = KAFKA_READ_OPTIONS | {
        "kafka.bootstrap.servers": settings.bootstrap_servers,
        "kafka.max.poll.records": str(MAX_POLL_RECORDS),
        "subscribe": topic.name,
        "startingOffsets": json.dumps({topic.name: topic.offsets.first}),
        "endingOffsets": json.dumps({topic.name: topic.offsets.end}),
        "minPartitions": str(min(os.cpu_count() or 1, 1 + topic.offsets.count // MESSAGES_PER_TASK)),
    }
    return spark.read.format("kafka").options(**options).load()


def _sample(consumer: "KafkaConsumer", topic: str, offsets: kafka.Offsets) -> Iterator[bytes | None]:
    """Yield the first and the last messages of each partition."""
    first_part = {number: min(offset + SAMPLED, offsets.end[number]) for number, offset in offsets.first.items()}
    last_part = {number: max(first_part[number], end - SAMPLED) for number, end in offsets.end.items()}
    for start, end in ((offsets.first, first_part), (last_part, offsets.end)):
        yield from (record.value for record in kafka.read_range(consumer, topic, start, end))
