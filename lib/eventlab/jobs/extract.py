"""Turn the messages of a topic into rows, with columns by name.

The rules for each job:

- There is one text column for each field that occurs in the topic, in alphabetical order. A missing field is NULL
  and a nested value is its JSON. When a key occurs twice in one object, the last value counts.
- Fields that differ only in upper and lower case are one column, as in SQL, with the spelling that comes first in
  ASCII order.
- `timestamp` is Kafka's time of the message. A field of that name becomes `timestamp_in_event`.
- A message that is not one JSON object is skipped, and reported on standard error. Spark's parser also
  rejects values that are nested more than 1,000 levels deep (jackson-core's StreamReadConstraints).
"""

import contextlib
import sys
from collections.abc import Callable, Collection
from typing import TypeVar
from uuid import uuid4

from pyspark.sql import Column, DataFrame, Observation, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, MapType, StringType, StructField, StructType

from eventlab.clients.spark import prepare_client
from eventlab.errors import EventlabError
from eventlab.jobs.topic import JobError, find_topic, load_messages

T = TypeVar("T")
STRICT = {"allowSingleQuotes": "false", "allowNonNumericNumbers": "false"}
FIELDS = MapType(StringType(), StringType())
END = f"end-{uuid4()}"  # a random key, which no message contains
SHOWN_OFFSETS = 5


def extract_events(spark: SparkSession, topic: str) -> DataFrame:
    """Return the events of a topic as rows and report skipped messages on standard error.

    The topic is read twice: now for the names of its fields, and again when the rows are used.

    Raises:
        JobError: The topic does not exist, or contains no JSON object with fields.
    """
    messages = load_messages(spark, find_topic(topic))
    fields, broken = field_names_and_broken_count(messages)
    if broken:
        report_broken(messages, broken)
    if not fields:
        raise JobError(f"topic {topic!r} has {broken} messages, and none of them is a JSON object with fields")
    # Names that differ only in case are different keys of a map, but the same field of a struct.
    ambiguous = len({name.lower() for name in fields}) < len(fields)
    event = parsed(FIELDS if ambiguous else StructType([StructField(name, StringType()) for name in fields]))
    # With observe(), the optimizer does not parse each message twice, for the filter and for the columns.
    events = messages.select(event.alias("event"), "timestamp").observe("read", F.count("*").alias("messages"))
    return rows_of(events, fields)


def extract_in_one_pass(spark: SparkSession, topic: str, action: Callable[[DataFrame], T]) -> T:
    """Return the result of an action on the rows of `extract_events`, and read the topic once if possible.

    The names of the fields are guessed from a few messages. While the action runs, an Observation counts the
    events that do not fit the guess: those with another field, or with a key twice in one object. If there are
    any, the action is called again, with the rows of `extract_events`.

    Args:
        spark: The session.
        topic: The topic.
        action: Called with the rows, all of which it must read. It may be called twice.
    """
    snapshot = find_topic(topic)
    fields = snapshot.sampled_fields
    if not fields:
        return action(extract_events(spark, topic))
    messages = load_messages(spark, snapshot)
    seen = Observation()
    events = messages.select(parsed(FIELDS).alias("event"), "timestamp").observe(
        seen,
        F.count_if(~is_object()).alias("broken"),
        F.count_if(has_other_fields_than(fields)).alias("incomplete"),
    )
    try:
        result = action(rows_of(events, fields))
    except JobError:  # a field that the action needs may be missing in the sample
        return action(extract_events(spark, topic))
    if seen.get["incomplete"]:
        return action(extract_events(spark, topic))
    if seen.get["broken"]:
        report_broken(messages, seen.get["broken"])
    return result


def rows_of(events: DataFrame, fields: list[str]) -> DataFrame:
    """Return parsed events as rows with one column per field, and Kafka's timestamp."""
    return events.where(is_object()).select(*field_columns(fields), F.col("timestamp").cast("string"))


def field_names_and_broken_count(messages: DataFrame) -> tuple[list[str], int]:
    """Return the names of all fields, and the number of messages that are not JSON objects."""
    keys = messages.select(parsed(FIELDS).alias("event")).groupBy(
        F.when(is_object(), F.array_sort(F.map_keys(F.get("event", F.lit(0))))).alias("names")
    )
    groups = keys.count().collect()
    names = {name for group in groups for name in group["names"] or []}
    return sorted(names), sum(group["count"] for group in groups if group["names"] is None)


def parsed(schema: StructType | MapType) -> Column:
    """Return an array of two elements: the parsed message, and an object that shows whether it is one JSON object.

    `from_json` also accepts an object that other text follows, as in `{"a": 1} junk`. Therefore the text
    `[MESSAGE,{END: 1}]` is parsed. If MESSAGE is not exactly one object, the second element does not have the key
    END: the array cannot be parsed, or END is in another element.
    """
    text = F.try_validate_utf8(F.col("value").cast("string"))
    if isinstance(schema, StructType):
        schema = StructType([*schema.fields, StructField(END, StringType())])
    return F.from_json(F.concat(F.lit("["), text, F.lit(f',{{"{END}":1}}]')), ArrayType(schema), STRICT)


def is_object() -> Column:
    """Return whether the column `event`, a `parsed` message, is one JSON object; it is never NULL."""
    first, end = (F.get("event", F.lit(place)) for place in range(2))
    return F.coalesce(first.isNotNull() & end[END].isNotNull(), F.lit(False))


def has_other_fields_than(fields: list[str]) -> Column:
    """Return whether the column `event`, parsed as a map, has a key that is not in the fields, or a key twice."""
    event = F.get("event", F.lit(0))
    known = sum((F.map_contains_key(event, field).cast("int") for field in fields), F.lit(0))
    return is_object() & (F.size(event) > known)


def field_columns(fields: list[str]) -> list[Column]:
    """Return one column of the parsed `event` for each field; fields that differ only in case share a column."""
    spellings: dict[str, list[str]] = {}
    for name in fields:
        spellings.setdefault(name.lower(), []).append(name)
    first = F.get("event", F.lit(0))
    return [
        F.coalesce(*(first.getItem(name) for name in names)).alias(field_column_name(names[0], spellings))
        for names in spellings.values()
    ]


def field_column_name(field: str, taken: Collection[str] = ()) -> str:
    """Return the name of a field's column: the field's, or a name that is not in `taken`.

    The fields `timestamp` and "" (an empty name) get another name.
    """
    name = {"timestamp": "timestamp_in_event", "": "_"}.get(field.lower())
    if name is None:
        return field
    while name in taken:
        name += "_"
    return name


def quoted_column(name: str) -> Column:
    """Return the column with a name, which may contain a dash, a dot or a backtick."""
    return F.col("`" + name.replace("`", "``") + "`")


def report_broken(messages: DataFrame, broken: int) -> None:
    """Print the number of skipped messages, and the partition and offset of the first few."""
    where = messages.select("partition", "offset", parsed(FIELDS).alias("event")).where(~is_object())
    first = where.select("partition", "offset").orderBy("partition", "offset").limit(SHOWN_OFFSETS).collect()
    places = ", ".join(f"{row['partition']}:{row['offset']}" for row in first)
    more = ", ..." if broken > len(first) else ""
    print(
        f"{broken} of {messages.count()} messages are not JSON objects and were left out "
        f"(partition:offset {places}{more})",
        file=sys.stderr,
    )


def run_as_script(job: Callable[[SparkSession], object]) -> None:
    """Run a job with a new session; an error of the kit is reported on standard error, with exit code 1."""
    prepare_client()
    spark = SparkSession.builder.getOrCreate()
    try:
        job(spark)
    except EventlabError as error:
        sys.exit(f"error: {error}")
    finally:
        with contextlib.suppress(Exception):  # Spark may have ended
            spark.stop()
