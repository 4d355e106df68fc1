"""One event followed through the whole stack, by a header of its own that becomes a field of the event."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from eventlab.clients import http, kafka
from eventlab.errors import EventlabError, ServiceUnavailable
from eventlab.settings import Settings

HEADER = "X-Trace-Id"
VIEW = "traced"
PATH = "/tmp/traced"
WAIT_S = 10.0


class LostTrack(EventlabError):
    """The event could not be followed further; the message says where, and what to look at."""


@dataclass
class Trace:
    """Where one event was found; what is not known yet is None."""

    id: str
    request: str
    status: int | None = None
    answer: str | None = None
    topic: str | None = None
    partition: int | None = None
    offset: int | None = None
    timestamp_ms: int | None = None
    file: str | None = None
    row_index: int | None = None
    query: str | None = None
    row: dict[str, Any] = field(default_factory=dict)


Seen = Callable[[Trace], None]


def follow(
    settings: Settings, topic: str, route: str, host: str, path: str = PATH, seen: Seen = lambda trace: None
) -> Trace:
    """Send one request and find its event in Kafka, in a Parquet file, and in SQL.

    path: the folder that is written for it; what was there is replaced. seen: called after every step.
    Raises LostTrack.
    """
    trace = Trace(uuid.uuid4().hex[:12], f"GET {route}")
    before = kafka.topic_offsets(settings.bootstrap_servers, topic)
    if before is None:
        raise LostTrack(f"there is no topic {topic!r}", next_command="eventlab up kafka")
    send(settings, trace, route, host)
    seen(trace)
    find_in_kafka(settings, trace, topic, before.end)
    seen(trace)
    for later in (find_in_parquet, find_in_sql):
        later(trace, path)
        seen(trace)
    return trace


def send(settings: Settings, trace: Trace, route: str, host: str) -> None:
    """The request, with the trace's id as one more header."""
    headers = {"Host": host, HEADER: trace.id} if host else {HEADER: trace.id}
    try:
        answer = http.request("GET", settings.api_url + route, WAIT_S, headers=headers)
    except ServiceUnavailable as error:
        raise LostTrack(error.message, next_command="eventlab up api") from error
    trace.status, trace.answer = answer.status_code, answer.text.strip()
    if answer.status_code != 200:
        raise LostTrack(f"{trace.request} was answered with {answer.status_code}: no event was made")


def find_in_kafka(settings: Settings, trace: Trace, topic: str, start: dict[int, int]) -> None:
    """Read on from where the topic ended before the request; the answer came after Kafka had the event."""
    for record in kafka.read_topic(settings.bootstrap_servers, topic, start=start):
        if trace.id.encode() in (record.value or b"") and json.loads(record.value).get(HEADER) == trace.id:
            trace.topic, trace.partition, trace.offset = topic, record.partition, record.offset
            trace.timestamp_ms = record.timestamp
            return
    raise LostTrack(f"the event is not in the topic {topic!r}; does the API log to another? eventlab restart api")


def find_in_parquet(trace: Trace, path: str) -> None:
    """Write the topic's events as Parquet, and ask Spark which file and which row in it hold this one."""
    from pyspark.sql import functions as F

    from eventlab.jobs.extract import column, extract_in_one_pass
    from eventlab.jobs.output import replacing

    spark = _spark()
    assert trace.topic
    with replacing(spark, path) as folder:
        extract_in_one_pass(spark, trace.topic, lambda events: events.write.mode("overwrite").parquet(folder))
    files = spark.read.parquet(path).where(column(HEADER) == trace.id)
    places = files.select(F.col("_metadata.file_path"), F.col("_metadata.row_index")).collect()
    if len(places) != 1:
        raise LostTrack(f"the event is in {len(places)} rows of {path}, which should be one")
    trace.file, trace.row_index = places[0]["file_path"], places[0]["row_index"]


def find_in_sql(trace: Trace, path: str) -> None:
    """Ask for the row as anybody would, in SQL."""
    spark = _spark()
    spark.read.parquet(path).createOrReplaceTempView(VIEW)
    trace.query = f"select event_type, Host, timestamp from {VIEW} where `{HEADER}` = '{trace.id}'"
    rows = spark.sql(trace.query).collect()
    if len(rows) != 1:
        raise LostTrack(f"{trace.query} gives {len(rows)} rows, which should be one")
    trace.row = rows[0].asDict()


def _spark() -> Any:
    from pyspark.sql import SparkSession

    return SparkSession.builder.getOrCreate()
