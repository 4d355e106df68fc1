"""From a topic's messages to rows, by name, whatever the messages are.

The rules, for every job:

- A column per field that occurs anywhere in the topic, in alphabetical order, as text; a field that an event does
  not have is NULL, a nested value is its JSON. Of a key that comes twice in one object the last value counts.
- Fields that differ only in upper and lower case are one column, as SQL sees them; it has the spelling that comes
  first in ASCII order.
- `timestamp` is Kafka's time of the message. An event's own field of that name becomes `timestamp_in_event`.
- A message that is not one JSON object is left out, counted, and named on standard error; for Spark's parser that
  includes one with values nested more than 1,000 deep (jackson-core's StreamReadConstraints).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from typing import TypeVar
from uuid import uuid4

from pyspark.sql import Column, DataFrame, Observation, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, MapType, StringType, StructField, StructType

from eventlab.jobs.topic import JobError, find_topic, read_topic

T = TypeVar("T")
STRICT = {"allowSingleQuotes": "false", "allowNonNumericNumbers": "false"}
FIELDS = MapType(StringType(), StringType())
END = f"end-{uuid4()}"
"""A key that no message can know beforehand."""
SHOWN_OFFSETS = 5


def extract_events(spark: SparkSession, topic: str) -> DataFrame:
    """The topic's events as rows; what was left out is told on standard error. JobError when there is no event.

    The topic is read once now, for the names of its fields, and again when the rows are used.
    """
    messages = read_topic(spark, find_topic(topic))
    fields, broken = survey(messages)
    if broken:
        report_broken(messages, broken)
    if not fields:
        raise JobError(f"topic {topic!r} holds {broken} messages, and none of them is a JSON object with fields")
    event = parsed(FIELDS if ambiguous(fields) else struct(fields))
    # observe() also keeps the optimizer from parsing each message twice: once to filter it, once for its columns.
    events = messages.select(event.alias("event"), "timestamp").observe("read", F.count("*").alias("messages"))
    return rows_of(events, fields)


def extract_in_one_pass(spark: SparkSession, topic: str, action: Callable[[DataFrame], T]) -> T:
    """What `action` makes of `extract_events`' rows, with the topic read once where that is enough.

    The names of the fields are guessed from a few messages; whether they were all is counted while the action runs
    (an Observation). Where they were not - a rare field, a key twice in one object - the action is done again on
    `extract_events`' rows. So it must read the rows to their end, and be repeatable.
    """
    found = find_topic(topic)
    fields = found.sampled
    if not fields:
        return action(extract_events(spark, topic))
    messages = read_topic(spark, found)
    seen = Observation()
    events = messages.select(parsed(FIELDS).alias("event"), "timestamp").observe(
        seen,
        F.count_if(~is_object("event")).alias("broken"),
        F.count_if(has_more_than(fields)).alias("incomplete"),
    )
    try:
        result = action(rows_of(events, fields))
    except JobError:  # a field that the action wants may not be among those guessed
        return action(extract_events(spark, topic))
    if seen.get["incomplete"]:
        return action(extract_events(spark, topic))
    if seen.get["broken"]:
        report_broken(messages, seen.get["broken"])
    return result


def rows_of(events: DataFrame, fields: list[str]) -> DataFrame:
    """The events (`parsed`, with Kafka's timestamp) as rows with a column a field."""
    return events.where(is_object("event")).select(*columns(fields), F.col("timestamp").cast("string"))


def struct(fields: list[str]) -> StructType:
    return StructType([StructField(name, StringType()) for name in fields])


def ambiguous(fields: list[str]) -> bool:
    """Whether names differ only in case: a struct's fields can't be told apart then, a map's keys can."""
    return len({name.lower() for name in fields}) < len(fields)


def survey(messages: DataFrame) -> tuple[list[str], int]:
    """The names of all fields, and the number of messages that are not JSON objects: one pass, small result."""
    keys = messages.select(parsed(FIELDS).alias("event")).groupBy(
        F.when(is_object("event"), F.array_sort(F.map_keys(F.get("event", F.lit(0))))).alias("names")
    )
    found = keys.count().collect()
    names = {name for row in found for name in row["names"] or []}
    return sorted(names), sum(row["count"] for row in found if row["names"] is None)


def parsed(element: StructType | MapType) -> Column:
    """The message, parsed strictly, as the first element of an array whose second one holds END.

    `from_json` alone accepts an object that something follows (`{"a": 1} junk`). As `[MESSAGE,{END: 1}]`, a
    message is one object if and only if END is in the second element: what it opens or closes too much, or holds
    besides, puts END elsewhere.
    """
    text = F.try_validate_utf8(F.col("value").cast("string"))
    if isinstance(element, StructType):
        element = StructType([*element.fields, StructField(END, StringType())])
    return F.from_json(F.concat(F.lit("["), text, F.lit(f',{{"{END}":1}}]')), ArrayType(element), STRICT)


def is_object(column: str) -> Column:
    """Whether `parsed` found one JSON object; false, never NULL, for a message without a value."""
    return F.coalesce(F.get(column, F.lit(0)).isNotNull() & F.get(column, F.lit(1))[END].isNotNull(), F.lit(False))


def has_more_than(fields: list[str]) -> Column:
    """Whether the `event`, parsed to a map, has a key that is not among the fields, or one of them twice."""
    event = F.get("event", F.lit(0))
    known = sum((F.map_contains_key(event, field).cast("int") for field in fields), F.lit(0))
    return is_object("event") & (F.size(event) > known)


def columns(fields: list[str]) -> list[Column]:
    """One column a name, as SQL tells names apart, of the parsed `event`."""
    spellings: dict[str, list[str]] = {}
    for name in fields:
        spellings.setdefault(name.lower(), []).append(name)
    first = F.get("event", F.lit(0))
    return [
        F.coalesce(*(first.getItem(name) for name in names)).alias(column_name(names[0], spellings))
        for names in spellings.values()
    ]


def column_name(field: str, taken: Collection[str] = ()) -> str:
    """What a field's column is called: its name, but for Kafka's own and the empty one, which make way for others.

    taken: the names, in small letters, of the fields of all events.
    """
    name = {"timestamp": "timestamp_in_event", "": "_"}.get(field.lower())
    if name is None:
        return field
    while name in taken:
        name += "_"
    return name


def column(name: str) -> Column:
    """The column of that name, whatever is in it: a dash, a dot, a backtick."""
    return F.col("`" + name.replace("`", "``") + "`")


def report_broken(messages: DataFrame, broken: int) -> None:
    """Name the messages that were left out: the first few by partition and offset."""
    where = messages.select("partition", "offset", parsed(FIELDS).alias("event")).where(~is_object("event"))
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
