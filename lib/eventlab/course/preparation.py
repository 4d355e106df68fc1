"""Putting the stack into the state that a lesson starts from, without losing what a learner left in it.

Every lesson's first cell calls `prepare`, so each runs on its own after `eventlab up` as well as in sequence.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eventlab.clients import kafka, spark
from eventlab.errors import EventlabError
from eventlab.settings import ROOT, settings
from eventlab.stack import Stack, config, environment

if TYPE_CHECKING:
    from kafka.consumer.fetcher import ConsumerRecord

HOSTS = ("user1.comcast.com", "user2.att.com")
ROUTES = {"/": "default", "/purchase_a_sword": "purchase_sword"}
CALLS = 10
BENCH = Counter({(host, event_type): CALLS for host in HOSTS for event_type in ROUTES.values()})
"""The course's figures: two users call two routes ten times each, 40 events, 20 of them sword purchases."""
SWORDS = Counter({(host, "purchase_sword"): CALLS for host in HOSTS})
TOPIC_WAIT_S = 30
__all__ = ["ROOT", "LessonError", "connect", "fresh_topic", "prepare", "read_values"]


class LessonError(EventlabError):
    """The stack is not in a state from which a lesson can start."""


def connect() -> None:
    """Give this kernel the stack's environment: commands on the path, addresses, the Spark server."""
    config.render(settings)
    environment.apply(settings)
    spark.shorten_retries()
    from pyspark.logger import PySparkLogger

    # Spark writes a failed query to standard error a second time, as JSON with this machine's paths.
    PySparkLogger.getLogger("SQLQueryContextLogger").setLevel("CRITICAL")


def prepare(
    topic: str = settings.topic,
    *,
    events: bool = False,
    purchases: str | None = None,
    needs: Sequence[str] = (),
) -> None:
    """Make this kernel and the stack ready for a lesson, and print what the lesson starts from.

    topic: where the game API logs to (the setting `topic`).
    events: the topic holds exactly the course's 40 events; otherwise it is empty.
    purchases: the path on HDFS that holds the 20 sword purchases of lesson 07.
    needs: the services that the lesson uses besides Kafka and the API.

    What the topic held before, if it was something else, is kept in a file. LessonError when a service that the
    lesson needs does not answer, or when something would have to go that is not this kit's.
    """
    connect()
    _require(["kafka", "api", *needs])
    if topic != settings.topic:
        raise LessonError(
            f"the game API logs to the topic {settings.topic!r}, not to {topic!r}. "
            f"To take another for all: export EVENTLAB_TOPIC={topic}; eventlab restart api"
        )
    if not _as_wanted(topic, events):
        fresh_topic(topic)
        if events:
            send_bench()
            if not _as_wanted(topic, events):
                raise LessonError(
                    f"the game API answered, but its events are not in the topic {topic!r}: "
                    "it was started with another EVENTLAB_TOPIC, or somebody else writes there too. "
                    "Try: eventlab restart api"
                )
    print(f"Topic {topic!r} holds {BENCH.total() if events else 0} events.")
    if purchases:
        print(f"{purchases} holds {ensure_purchases(topic, purchases)} rows.")


def send_bench() -> None:
    """The course's four bench runs: every host calls every route ten times."""
    from eventlab.commands import ab

    for host in HOSTS:
        for route in ROUTES:
            ab.bench(settings.api_url + route, requests=CALLS, concurrency=1, headers={"Host": host})


def read_values(topic: str) -> list[bytes]:
    """Every message of the topic from the beginning; [] when there is no such topic."""
    return [record.value or b"" for record in read(topic)]


def read(topic: str) -> Iterator[ConsumerRecord]:
    """Yield every record that the topic holds now, partition by partition.

    Raises:
        KafkaUnavailable: The broker does not answer, or stops answering.
    """
    return kafka.read_topic(settings.bootstrap_servers, topic)


def fresh_topic(topic: str) -> None:
    """Make the topic an empty one, with one partition and offsets from 0; what it held is kept in a file.

    On a Kafka that somebody else runs, only a topic that this kit created there is ever deleted; LessonError
    for any other that is not empty.
    """
    old = kafka.topic_id(settings.bootstrap_servers, topic)
    if old is not None and settings.kafka_bootstrap_servers and old not in _own_topics():
        if next(read(topic), None) is None:
            return
        raise LessonError(
            f"the topic {topic!r} at {settings.bootstrap_servers} holds messages that are not this lesson's. "
            "That Kafka is somebody else's, so nothing is deleted there. Take a topic of your own, "
            "which the lessons create: export EVENTLAB_TOPIC=events-YOURNAME; eventlab restart api "
            "(and restart JupyterLab from that shell)"
        )
    if old is not None:
        if kept := keep(topic):
            print(f"What topic {topic!r} held before is kept in {kept}")
        kafka.delete_topics(settings.bootstrap_servers, [topic])
    kafka.create_topic(settings.bootstrap_servers, topic, timeout_s=TOPIC_WAIT_S)
    _remember_own_topic(topic)


def keep(topic: str) -> Path | None:
    """Write the topic's messages to a new file, one JSON object a line; None when there are none."""
    records = read(topic)
    first = next(records, None)
    if first is None:
        return None
    folder = settings.state_dir / "saved"
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(".jsonl", f"{topic}-{time.strftime('%Y%m%d-%H%M%S')}-", folder)
    with os.fdopen(handle, "w") as file:
        for record in chain([first], records):
            file.write(as_line(record) + "\n")
    return Path(name)


def as_line(record: Any) -> str:
    """A record as one line of JSON: key and value as text, or in base64 where they are not UTF-8."""
    fields: dict[str, object] = {
        "partition": record.partition,
        "offset": record.offset,
        "timestamp_ms": record.timestamp,
    }
    fields |= _text("key", record.key) | _text("value", record.value)
    if record.headers:
        fields["headers"] = [{"name": name} | _text("value", value) for name, value in record.headers]
    return json.dumps(fields)


def ensure_purchases(topic: str, path: str) -> int:
    """Write the sword purchases to `path` unless they are there; return the number of rows there."""
    from pyspark.sql import SparkSession

    from eventlab.jobs import filtered_writes

    spark = SparkSession.builder.getOrCreate()
    found = _purchases_at(spark, path)
    if found is not None and found != SWORDS and settings.default_fs_url:
        raise LessonError(
            f"{path} at {settings.default_fs} holds something else than the course's sword purchases. "
            "That file system is somebody else's, so nothing is replaced there. "
            "Name another path in the cell with the parameters."
        )
    if found != SWORDS:
        with contextlib.redirect_stdout(io.StringIO()):  # lesson 07 is where its report is read
            filtered_writes.run(spark, topic, path)
    return spark.read.parquet(path).count()


def _purchases_at(spark: Any, path: str) -> Counter | None:
    """How many rows each host and event type has in the Parquet there; None when there is nothing to read."""
    from pyspark.errors import AnalysisException

    try:
        rows = spark.read.parquet(path).groupBy("Host", "event_type").count().collect()
    except AnalysisException as error:
        return None if error.getCondition() == "PATH_NOT_FOUND" else Counter()
    return Counter({(row["Host"], row["event_type"]): row["count"] for row in rows})


def _require(names: Sequence[str]) -> None:
    away = [service.name for service in Stack(settings).status(dict.fromkeys(names)) if service.state != "running"]
    if away:
        raise LessonError(f"not running: {', '.join(away)}. Start what this lesson needs: eventlab up")


def _as_wanted(topic: str, events: bool) -> bool:
    """Whether the topic is as a lesson starts from: the 40 events from offset 0, or new and empty."""
    records = list(islice(read(topic), BENCH.total() + 1))
    if not events:
        return not records and topic in kafka.list_topics(settings.bootstrap_servers)
    return Counter(map(_host_and_type, records)) == BENCH


def _host_and_type(record: Any) -> tuple[object, object] | None:
    try:
        event = json.loads(record.value or b"")
        return event["Host"], event["event_type"]
    except (ValueError, TypeError, LookupError, RecursionError):
        return None


def _remember_own_topic(topic: str) -> None:
    """Note the id of a topic that was created on a Kafka that somebody else runs."""
    created = kafka.topic_id(settings.bootstrap_servers, topic)
    if settings.kafka_bootstrap_servers and created and created.strip("0-"):  # brokers before 2.8 have no ids
        with _own_topics_file().open("a") as file:
            file.write(f"{created}\n")


def _own_topics() -> list[str]:
    file = _own_topics_file()
    return file.read_text().split() if file.exists() else []


def _own_topics_file() -> Path:
    """The ids of the topics that this kit created on a Kafka that somebody else runs, one a line."""
    return settings.state_dir / "own-topics"


def _text(name: str, value: bytes | None) -> dict[str, str | None]:
    try:
        return {name: value.decode() if value is not None else None}
    except UnicodeDecodeError:
        return {f"{name}_base64": base64.b64encode(value or b"").decode()}
