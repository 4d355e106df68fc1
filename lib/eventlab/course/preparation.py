"""Prepare the stack for a lesson and save data that a learner would lose.

The first cell of each lesson calls `prepare`, so after `eventlab up` you can run any lesson, in any order.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from eventlab.clients import kafka, spark
from eventlab.errors import EventlabError
from eventlab.files import write_atomically
from eventlab.settings import PLAYER_HOSTS, settings
from eventlab.stack import Stack, config, environment

if TYPE_CHECKING:
    from kafka.consumer.fetcher import ConsumerRecord
    from pyspark.sql import SparkSession

ROUTES = {"/": "default", "/purchase_a_sword": "purchase_sword"}
CALLS = 10
COURSE_EVENTS = Counter({(host, event_type): CALLS for host in PLAYER_HOSTS for event_type in ROUTES.values()})
"""Two users call two routes ten times each: 40 events, counted by host and event type."""
COURSE_PURCHASES = Counter({(host, "purchase_sword"): CALLS for host in PLAYER_HOSTS})


class LessonError(EventlabError):
    """The stack is not in a state from which the lesson can start."""


def connect() -> None:
    """Give this kernel the stack's environment: commands on the path, addresses, and the Spark server."""
    config.render(settings)
    environment.apply(settings)
    spark.prepare_client()


def prepare(
    topic: str = settings.topic, *, events: bool = False, purchases: str | None = None, needs: Sequence[str] = ()
) -> None:
    """Prepare this kernel and the stack for a lesson, and print the state from which the lesson starts.

    If the topic contains other messages than the lesson needs, they are saved to a file first.

    Args:
        topic: The topic to which the game API logs (the setting `topic`).
        events: Whether the topic contains exactly the course's 40 events; otherwise it is empty.
        purchases: The path on HDFS that contains the 20 sword purchases of lesson 07.
        needs: The services that the lesson uses, besides Kafka and the API.

    Raises:
        LessonError: A service does not answer, or data that other programs created would have to be deleted.
    """
    connect()
    statuses = Stack(settings).status(dict.fromkeys(["kafka", "api", *needs]))
    if missing := [status.name for status in statuses if status.state != "running"]:
        raise LessonError(f"not running: {', '.join(missing)}", "eventlab up")
    if topic != settings.topic:
        raise LessonError(
            f"the game API logs to the topic {settings.topic!r}, not to {topic!r}",
            f"export EVENTLAB_TOPIC={topic}; eventlab restart api",
        )
    if not _is_prepared(topic, events):
        fresh_topic(topic)
        if events:
            send_course_events()
    print(f"Topic {topic!r} contains {COURSE_EVENTS.total() if events else 0} events.")
    if purchases:
        print(f"{purchases} contains {ensure_purchases(topic, purchases)} rows.")


def send_course_events() -> None:
    """Call the game API as the course's four load tests do; raise LessonError if the topic has other events."""
    from eventlab.commands import ab

    for host in PLAYER_HOSTS:
        for route in ROUTES:
            ab.bench(settings.api_url + route, requests=CALLS, concurrency=1, headers={"Host": host})
    if not _is_prepared(settings.topic, events=True):
        raise LessonError(
            f"the game API answered, but its events are not in the topic {settings.topic!r}: it was started with "
            "another EVENTLAB_TOPIC, or another program writes to this topic",
            "eventlab restart api",
        )


def read_values(topic: str) -> list[bytes]:
    """Return the values of all messages of a topic; [] when the topic does not exist."""
    return [record.value or b"" for record in kafka.read_topic(settings.bootstrap_servers, topic)]


def fresh_topic(topic: str) -> None:
    """Replace a topic with an empty one that has one partition; save its old messages to a file.

    Raises:
        LessonError: On an external Kafka, the topic contains messages and was not created by this kit.
    """
    old_id = kafka.topic_id(settings.bootstrap_servers, topic)
    file = settings.state_dir / "own-topics"  # the ids of the topics that this kit created on an external Kafka
    created_ids = file.read_text().split() if file.exists() else []
    if old_id is not None and settings.kafka_bootstrap_servers and old_id not in created_ids:
        if next(kafka.read_topic(settings.bootstrap_servers, topic), None) is None:
            return
        raise LessonError(
            f"the topic {topic!r} at {settings.bootstrap_servers} contains messages of other programs. "
            "On an external Kafka, lessons delete only topics that they created. Use a topic of your own, which "
            "the lessons create, and restart JupyterLab from the same shell",
            "export EVENTLAB_TOPIC=events-YOURNAME; eventlab restart api",
        )
    if old_id is not None and (saved := save_messages(topic)):
        print(f"The messages that were in topic {topic!r} are saved in {saved}")
    kafka.recreate_topic(settings.bootstrap_servers, topic)
    created = kafka.topic_id(settings.bootstrap_servers, topic)
    if settings.kafka_bootstrap_servers and created and created.strip("0-"):  # brokers before 2.8 have no ids
        write_atomically(file, "\n".join([*created_ids, created]))


def save_messages(topic: str) -> Path | None:
    """Write a topic's messages to a new file, one JSON object per line; return None when there are none."""
    records = kafka.read_topic(settings.bootstrap_servers, topic)
    first = next(records, None)
    if first is None:
        return None
    folder = settings.state_dir / "saved"
    folder.mkdir(parents=True, exist_ok=True)
    prefix = f"{topic}-{time.strftime('%Y%m%d-%H%M%S')}-"
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", prefix=prefix, dir=folder, delete=False) as file:
        file.writelines(to_json_line(record) + "\n" for record in chain([first], records))
    return Path(file.name)


def to_json_line(record: ConsumerRecord) -> str:
    """Return a record as one line of JSON; keys and values that are not UTF-8 are written in base64."""
    fields = {"partition": record.partition, "offset": record.offset, "timestamp_ms": record.timestamp}
    fields |= _text_field("key", record.key) | _text_field("value", record.value)
    if record.headers:
        fields["headers"] = [{"name": name} | _text_field("value", value) for name, value in record.headers]
    return json.dumps(fields)


def ensure_purchases(topic: str, path: str) -> int:
    """Write the sword purchases to a path on HDFS unless they exist; return the number of rows there.

    Raises:
        LessonError: The path is on an external file system and contains other data.
    """
    from pyspark.sql import SparkSession

    from eventlab.jobs import filtered_writes

    session = SparkSession.builder.getOrCreate()
    existing = _count_purchases(session, path)
    if existing is not None and existing != COURSE_PURCHASES and settings.default_fs_url:
        raise LessonError(
            f"{path} at {settings.default_fs} contains other data than the course's sword purchases. Lessons "
            "do not replace it on an external file system. Set another path in the cell tagged `parameters`"
        )
    if existing != COURSE_PURCHASES:
        with contextlib.redirect_stdout(io.StringIO()):  # lesson 07 shows the job's report
            filtered_writes.run(session, topic, path)
    return session.read.parquet(path).count()


def _count_purchases(session: SparkSession, path: str) -> Counter | None:
    """Count the rows of a Parquet folder by host and event type; return None when the path does not exist."""
    from pyspark.errors import AnalysisException

    try:
        rows = session.read.parquet(path).groupBy("Host", "event_type").count().collect()
    except AnalysisException as error:
        return None if error.getCondition() == "PATH_NOT_FOUND" else Counter()
    return Counter({(row["Host"], row["event_type"]): row["count"] for row in rows})


def _is_prepared(topic: str, events: bool) -> bool:
    """Return whether the topic exists and contains exactly the course's events, or nothing."""
    records = list(islice(kafka.read_topic(settings.bootstrap_servers, topic), COURSE_EVENTS.total() + 1))
    if not events:
        return not records and topic in kafka.list_topics(settings.bootstrap_servers)
    return Counter(map(_host_and_type, records)) == COURSE_EVENTS


def _host_and_type(record: ConsumerRecord) -> tuple[object, object] | None:
    try:
        event = json.loads(record.value or b"")
        return event["Host"], event["event_type"]
    except (ValueError, TypeError, LookupError, RecursionError):
        return None


def _text_field(name: str, value: bytes | None) -> dict[str, str | None]:
    try:
        return {name: value.decode() if value is not None else None}
    except UnicodeDecodeError:
        return {f"{name}_base64": base64.b64encode(value or b"").decode()}
