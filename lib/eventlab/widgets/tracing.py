"""Follow one event through the stack, by a header that becomes a field of the event."""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from eventlab.clients import http, kafka
from eventlab.errors import EventlabError, ServiceUnavailable
from eventlab.settings import Settings

HEADER = "X-Trace-Id"
VIEW = "traced"
PATH = "/tmp/traced"
"""The folder on HDFS for the Parquet file; its content is replaced."""
TIMEOUT_S = 10.0


class TraceError(EventlabError):
    """The event was not found in one of the steps."""


@dataclass
class Trace:
    """Where one event was found; a field is None before its step is completed.

    Attributes:
        time: Kafka's timestamp of the event as a local time of day.
        row_index: The number of its row in the file, from 0.
    """

    id: str
    request: str
    status: int | None = None
    response: str | None = None
    topic: str | None = None
    partition: int | None = None
    offset: int | None = None
    time: str | None = None
    file: str | None = None
    row_index: int | None = None
    query: str | None = None
    row: dict[str, Any] | None = None


def trace_event(settings: Settings, topic: str, route: str, host: str, on_step: Callable[[Trace], None]) -> Trace:
    """Send one request and find its event in Kafka, in a Parquet file, and in SQL.

    Args:
        settings: The addresses of the services.
        topic: The topic to which the API sends events.
        route: The path to request.
        host: The Host header, or "" for none.
        on_step: Called after each completed step.

    Raises:
        TraceError: The request fails, or the event is missing in one of the steps.
    """
    route = "/" + route.lstrip("/")
    trace = Trace(uuid.uuid4().hex[:12], f"GET {route}")
    before = kafka.topic_offsets(settings.bootstrap_servers, topic)
    if before is None:
        command = "eventlab up kafka" if topic == settings.topic else ""
        raise TraceError(
            f"there is no topic {topic!r}; the API writes to {settings.topic!r}", next_command=command
        )
    steps: tuple[Callable[[], None], ...] = (
        lambda: _send_request(settings, trace, route, host),
        lambda: _find_in_kafka(settings, trace, topic, before.end),
        lambda: _find_in_parquet(trace),
        lambda: _find_in_sql(trace),
    )
    for step in steps:
        step()
        on_step(trace)
    return trace


def _send_request(settings: Settings, trace: Trace, route: str, host: str) -> None:
    """Send the request with the trace's id in a header."""
    headers = {"Host": host, HEADER: trace.id} if host else {HEADER: trace.id}
    try:
        response = http.request("GET", settings.api_url + route, TIMEOUT_S, headers=headers)
    except ServiceUnavailable as error:
        raise TraceError(error.message, next_command="eventlab up api") from error
    trace.status, trace.response = response.status_code, response.text.strip()
    try:
        response.raise_for_status()
    except httpx.HTTPStatusError as error:
        message = f"{trace.request} returned status {response.status_code}, so there is no event"
        raise TraceError(message) from error


def _find_in_kafka(settings: Settings, trace: Trace, topic: str, start: dict[int, int]) -> None:
    """Read the topic from its end before the request; the API responds after Kafka has stored the event."""
    for record in kafka.read_topic(settings.bootstrap_servers, topic, start=start):
        if (
            trace.id.encode() in (record.value or b"")
            and (kafka.json_object(record.value) or {}).get(HEADER) == trace.id
        ):
            trace.topic, trace.partition, trace.offset = topic, record.partition, record.offset
            trace.time = time.strftime("%H:%M:%S", time.localtime(record.timestamp / 1000))
            return
    message = f"the event is not in the topic {topic!r}; perhaps the running API uses another topic"
    raise TraceError(message, next_command="eventlab restart api")


def _find_in_parquet(trace: Trace) -> None:
    """Write the topic's events as Parquet, and ask Spark for the file and row of this event."""
    from pyspark.sql import functions as F

    from eventlab.jobs.extract import extract_in_one_pass, quoted_column
    from eventlab.jobs.output import replacing

    spark = _spark()
    assert trace.topic
    with replacing(spark, PATH) as folder:
        extract_in_one_pass(spark, trace.topic, lambda events: events.write.mode("overwrite").parquet(folder))
    rows = spark.read.parquet(PATH).where(quoted_column(HEADER) == trace.id)
    places = rows.select(F.col("_metadata.file_path"), F.col("_metadata.row_index")).collect()
    if len(places) != 1:
        raise TraceError(f"the event is in {len(places)} rows of {PATH}, expected 1")
    trace.file, trace.row_index = places[0]["file_path"], places[0]["row_index"]


def _find_in_sql(trace: Trace) -> None:
    """Query the row in SQL."""
    spark = _spark()
    spark.read.parquet(PATH).createOrReplaceTempView(VIEW)
    trace.query = f"select event_type, Host, timestamp from {VIEW} where `{HEADER}` = '{trace.id}'"
    rows = spark.sql(trace.query).collect()
    if len(rows) != 1:
        raise TraceError(f"{trace.query} returns {len(rows)} rows, expected 1")
    trace.row = rows[0].asDict()


def _spark() -> Any:
    from pyspark.sql import SparkSession

    return SparkSession.builder.getOrCreate()
