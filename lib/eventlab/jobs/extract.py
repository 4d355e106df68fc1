"""From a topic's messages to rows, by name, whatever the messages are.

The rules, for every job:

- A column per field that occurs anywhere in the topic, in alphabetical order, as text; a field that an event does
  not have is NULL, a nested value is its JSON. Of a key that comes twice in one object the last value counts.
- Fields that differ only in upper and lower case are one column, as SQL sees them; it has the spelling that comes
  first in ASCII order.
- `timestamp` is Kafka's time of the message. An event's own field of that name becomes `timestamp_in_event`.
- A message that is not one JSON object is left out, counted, and named on standard error.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from contextlib import closing

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, MapType, StringType, StructField, StructType

from eventlab.settings import settings
from eventlab.stack.probes import NotAnswering, connect, quiet_kafka

STRICT = {"allowSingleQuotes": "false", "allowNonNumericNumbers": "false"}
SHOWN_OFFSETS = 5
MESSAGES_WORTH_A_TASK = 50_000
"""A partition of a small topic is read, and written, as one; a large one by every core."""


class JobError(RuntimeError):
    """The job cannot do its work (no topic, no event); earlier output is as it was."""


def read_topic(spark: SparkSession, topic: str) -> DataFrame:
    """The topic from its earliest to its latest offset as of now, with Kafka's columns (`value` is bytes).

    The offsets are fixed here, so that a second pass over the result sees the same messages. JobError when the
    topic is missing or empty.
    """
    starts, ends = offsets(topic)
    if starts == ends:
        raise JobError(f"topic {topic!r} is empty: send events first, for example with: eventlab load -n 10 URL")
    messages = sum(ends.values()) - sum(starts.values())
    return (
        spark.read.format("kafka")
        .option("kafka.bootstrap.servers", settings.bootstrap_servers)
        .option("subscribe", topic)
        .option("startingOffsets", json.dumps({topic: starts}))
        .option("endingOffsets", json.dumps({topic: ends}))
        .option("minPartitions", str(min(os.cpu_count() or 1, 1 + messages // MESSAGES_WORTH_A_TASK)))
        .load()
    )


def extract_events(spark: SparkSession, topic: str) -> DataFrame:
    """The topic's events as rows; what was left out is told on standard error. JobError when there is no event."""
    messages = read_topic(spark, topic)
    fields, broken = survey(messages)
    if broken:
        report_broken(messages, broken)
    if not fields:
        raise JobError(f"topic {topic!r} holds {broken} messages, and none of them is a JSON object with fields")
    event = parsed(MapType(StringType(), StringType()) if ambiguous(fields) else struct(fields))
    objects = messages.select(event.alias("event"), F.col("timestamp").cast("string").alias("timestamp"))
    return objects.where(is_object("event")).select(*columns(fields), "timestamp")


def struct(fields: list[str]) -> StructType:
    return StructType([StructField(name, StringType()) for name in fields])


def ambiguous(fields: list[str]) -> bool:
    """Whether names differ only in case: a struct's fields can't be told apart then, a map's keys can."""
    return len({name.lower() for name in fields}) < len(fields)


def survey(messages: DataFrame) -> tuple[list[str], int]:
    """The names of all fields, and the number of messages that are not JSON objects: one pass, small result."""
    keys = messages.select(parsed(MapType(StringType(), StringType())).alias("event")).groupBy(
        F.when(is_object("event"), F.array_sort(F.map_keys(F.col("event")[0]))).alias("names")
    )
    found = keys.count().collect()
    names = {name for row in found for name in row["names"] or []}
    return sorted(names), sum(row["count"] for row in found if row["names"] is None)


def parsed(element: StructType | MapType) -> Column:
    """The message, parsed strictly, as the first of two elements of an array.

    `from_json` alone accepts an object that something follows (`{"a": 1} junk`). As `[MESSAGE,{}]`, a message
    is one object if and only if that parses to two elements, the first of them not NULL.
    """
    text = F.try_validate_utf8(F.col("value").cast("string"))
    return F.from_json(F.concat(F.lit("["), text, F.lit(",{}]")), ArrayType(element), STRICT)


def is_object(column: str) -> Column:
    """Whether `parsed` found one JSON object; false, never NULL, for a message without a value."""
    return F.coalesce((F.size(column) == 2) & F.col(column)[0].isNotNull(), F.lit(False))


def columns(fields: list[str]) -> list[Column]:
    """One column a name, as SQL tells names apart, of the parsed `event`."""
    spellings: dict[str, list[str]] = {}
    for name in fields:
        spellings.setdefault(name.lower(), []).append(name)
    first = F.col("event")[0]
    return [
        F.coalesce(*(first.getItem(name) for name in names)).alias(column_name(names[0]))
        for names in spellings.values()
    ]


def column_name(field: str) -> str:
    """What a field's column is called: its name, but for Kafka's own and the empty one."""
    return {"timestamp": "timestamp_in_event", "": "_"}.get(field.lower(), field)


def offsets(topic: str) -> tuple[dict[str, int], dict[str, int]]:
    """The first and the next offset of every partition; JobError when there is no broker or no such topic."""
    try:
        connect(settings.bootstrap_servers.split(",")[0])
    except NotAnswering as error:
        raise JobError(f"Kafka does not answer ({error}). Start it: eventlab up kafka") from error
    with (
        quiet_kafka() as kafka,
        closing(kafka.KafkaConsumer(bootstrap_servers=settings.bootstrap_servers)) as consumer,
    ):
        if topic not in consumer.topics():
            raise JobError(
                f"there is no topic {topic!r} at {settings.bootstrap_servers}. There are: eventlab kafkacat -L"
            )
        partitions = [
            kafka.TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic))
        ]
        starts, ends = consumer.beginning_offsets(partitions), consumer.end_offsets(partitions)
    return {str(p.partition): starts[p] for p in partitions}, {str(p.partition): ends[p] for p in partitions}


def report_broken(messages: DataFrame, broken: int) -> None:
    """Name the messages that were left out: the first few by partition and offset."""
    event = parsed(MapType(StringType(), StringType()))
    where = messages.select("partition", "offset", event.alias("event")).where(~is_object("event"))
    first = where.select("partition", "offset").orderBy("partition", "offset").limit(SHOWN_OFFSETS).collect()
    places = ", ".join(f"{row['partition']}:{row['offset']}" for row in first)
    more = ", ..." if broken > len(first) else ""
    print(
        f"{broken} of {messages.count()} messages are not JSON objects and were left out "
        f"(partition:offset {places}{more})",
        file=sys.stderr,
    )


def run_as_script(job: Callable[[SparkSession], object]) -> None:
    """Run a job with a session of its own; a JobError is one line on standard error and exit code 1."""
    spark = SparkSession.builder.getOrCreate()
    try:
        job(spark)
    except JobError as error:
        sys.exit(f"error: {error}")
    finally:
        spark.stop()
