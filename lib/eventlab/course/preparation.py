"""Prepare the stack for a lesson and save data that a learner would lose.

The first cell of each lesson calls `prepare`, so after `eventlab up` you can run any lesson, in any order.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from eventlab.clients import kafka, spark
from eventlab.course.day import messages as day_messages
from eventlab.course.saved import save_messages
from eventlab.course.stream_folder import empty_stream_folder
from eventlab.course.topics import end_offset_or_zero, read_values
from eventlab.errors import EventlabError
from eventlab.files import write_atomically
from eventlab.settings import PLAYER_HOSTS, settings
from eventlab.stack import Stack, config, environment
from eventlab.stack.services import select

if TYPE_CHECKING:
    from kafka.consumer.fetcher import ConsumerRecord
    from pyspark.sql import SparkSession

ROUTES = {"/": "default", "/purchase_a_sword": "purchase_sword"}
CALLS = 10
DELIVERY_S = 20
CREATED_TOPICS = "own-topics"
COMMAND_FOR_OTHER_TOPIC = "export EVENTLAB_TOPIC=events-YOURNAME; eventlab restart api"
COURSE_EVENTS = Counter({(host, event_type): CALLS for host in PLAYER_HOSTS for event_type in ROUTES.values()})
"""Two users call two routes ten times each: 40 events, counted by host and event type."""
COURSE_PURCHASES = Counter({(host, "purchase_sword"): CALLS for host in PLAYER_HOSTS})


class LessonError(EventlabError):
    """The stack is not in a state from which the lesson can start."""


def connect() -> None:
    """Set the stack's environment variables in this kernel: the path of its commands, and its addresses."""
    config.render(settings)
    environment.apply(settings)
    spark.prepare_client()


def prepare(
    topic: str = settings.topic,
    *,
    events: bool = False,
    fresh: bool = False,
    day: str | None = None,
    purchases: str | None = None,
    folder: str | None = None,
    needs: Sequence[str] = (),
    kills: Sequence[str] = (),
) -> int:
    """Prepare this kernel and the stack for a lesson, and print the state from which the lesson starts.

    No lesson changes the input of another: the topic to which the game API logs (the setting `topic`) is never
    emptied, and a lesson that needs an exact number of events has a topic that only this lesson uses. If such a
    topic contains other messages than the lesson needs, they are saved to a file first. Shell cells find the
    addresses of the broker and the API, and the topic, in the variables BROKER, API and TOPIC.

    Args:
        topic: The topic of the lesson.
        events: Whether the lesson starts with the course's 40 events; the API's topic keeps its older ones too.
        fresh: Whether the lesson's topic is recreated, so that no consumer group has read it.
        day: The name of a topic that contains the messages of one day of the game.
        purchases: The path on HDFS that contains the 20 sword purchases of lesson 07.
        folder: The folder on HDFS that the lesson's streams write; what an earlier run has left there is deleted.
        needs: The services that the lesson uses besides Kafka; the API's topic needs the API too.
        kills: The services that the lesson kills, which must be the kit's own.

    Returns:
        The offset of the lesson's first event in the topic.

    Raises:
        LessonError: A service does not answer, the lesson would kill one that somebody else runs, or data that
            other programs created would have to be deleted.
    """
    _require_own(kills)
    connect()
    is_api_topic = topic == settings.topic
    _require_running(["kafka", *(["api"] if is_api_topic else []), *needs])
    os.environ |= {"BROKER": settings.bootstrap_servers, "TOPIC": topic, "API": settings.api_url}
    start = _prepare_api_topic(events) if is_api_topic else _prepare_own_topic(topic, events, fresh)
    lesson.topic, lesson.start = topic, start
    _prepare_more(topic, day, purchases, folder)
    return start


def _prepare_more(topic: str, day: str | None, purchases: str | None, folder: str | None) -> None:
    """Prepare what only some lessons need, and print it: a day's messages, purchases, a folder for streams."""
    if day:
        _replace_messages(day, day_messages())
        print(f"Topic {day!r} contains {len(day_messages()):,} messages of one day.")
    if purchases:
        print(f"{purchases} contains {ensure_purchases(topic, purchases)} rows.")
    if folder:
        empty_stream_folder(folder)
        print(f"The streams of this lesson write below {folder} on HDFS, where there is nothing yet.")


def _require_own(names: Sequence[str]) -> None:
    """Raise LessonError if one of the services, which the lesson kills, is external."""
    for service in select(names) if names else ():
        if service.is_external(settings):
            raise LessonError(
                f"this lesson kills {service.name}, and cannot: {service.address(settings)} is an external "
                "service. Use the kit's own in this lesson, and restart JupyterLab from the same shell",
                f"unset EVENTLAB_{str(service.external_setting).upper()}",
            )


def _require_running(names: Sequence[str]) -> None:
    """Raise LessonError if one of the services does not run."""
    statuses = Stack(settings).status(dict.fromkeys(names))
    if missing := [status.name for status in statuses if status.state != "running"]:
        raise LessonError(f"not running: {', '.join(missing)}", f"eventlab up {' '.join(missing)}")


@dataclass
class PreparedLesson:
    """The topic of this kernel's lesson and the offset of the lesson's first event, which exercises check."""

    topic: str = settings.topic
    start: int = 0


lesson = PreparedLesson()


def _prepare_api_topic(events: bool) -> int:
    """Return the end offset of the API's topic, which is created if it does not exist, and add the 40 events."""
    offsets = kafka.topic_offsets(settings.bootstrap_servers, settings.topic)
    if offsets is None:
        kafka.recreate_topic(settings.bootstrap_servers, settings.topic)
    elif len(offsets.end) > 1:
        raise LessonError(
            f"the topic {settings.topic!r} has {len(offsets.end)} partitions. The lessons need one, in which the "
            "events are in the order of the calls. Delete the topic, or use another one; the first cell then "
            "creates it with one partition",
            COMMAND_FOR_OTHER_TOPIC
            if settings.external_bootstrap_servers
            else f"kafka-topics --delete --topic {settings.topic}",
        )
    start = end_offset_or_zero(settings.topic)
    if events:
        send_course_events()
        print(f"Topic {settings.topic!r}: this lesson's {COURSE_EVENTS.total()} events begin at offset {start}.")
    else:
        print(f"Topic {settings.topic!r}: the next event gets offset {start}.")
    return start


def _prepare_own_topic(topic: str, events: bool, fresh: bool) -> int:
    """Let a lesson's own topic contain exactly the 40 events, or none; return the offset of the first."""
    values = course_messages() if events else []
    _replace_messages(topic, values, fresh)
    print(f"Topic {topic!r} contains {len(values)} events.")
    return 0


def _replace_messages(topic: str, values: Sequence[bytes], fresh: bool = False) -> None:
    """Let a topic contain exactly these messages; other messages in it are saved first."""
    offsets = kafka.topic_offsets(settings.bootstrap_servers, topic)
    has_size = offsets is not None and len(offsets.end) == 1 and offsets.count == len(values)
    is_right = has_size and read_values(topic) == list(values)
    if is_right and not fresh:
        return
    fresh_topic(topic, save=not is_right)
    with kafka.open_producer(settings.bootstrap_servers) as producer:
        for future in [producer.send(topic, value) for value in values]:
            future.get(timeout=DELIVERY_S)


def course_messages() -> list[bytes]:
    """Return the course's 40 events as the game API writes them for the four load tests."""
    sender = {"User-Agent": "ApacheBench/2.3", "Accept": "*/*"}
    return [
        json.dumps({"event_type": event_type, "Host": host} | sender).encode()
        for host in PLAYER_HOSTS
        for event_type in ROUTES.values()
        for _ in range(CALLS)
    ]


def send_course_events() -> None:
    """Call the game API as the course's four load tests do; raise LessonError if the topic lacks the events."""
    from eventlab.commands import ab

    start = end_offset_or_zero(settings.topic)
    for host in PLAYER_HOSTS:
        for route in ROUTES:
            ab.bench(settings.api_url + route, requests=CALLS, concurrency=1, headers={"Host": host})
    records = kafka.read_topic(settings.bootstrap_servers, settings.topic, start={0: start})
    received = Counter(map(_host_and_type, records))
    if any(received[event] < count for event, count in COURSE_EVENTS.items()):
        raise LessonError(
            f"the game API answered, but its events are not in the topic {settings.topic!r}: it was started with "
            "another EVENTLAB_TOPIC",
            "eventlab restart api",
        )


def fresh_topic(topic: str, *, save: bool = True) -> None:
    """Replace a topic with an empty one that has one partition; save its old messages to a file.

    Args:
        topic: The name of the topic.
        save: Whether messages are saved; the course's own 40 events need not be.

    Raises:
        LessonError: On an external Kafka, the topic was not created by this kit, and it contains messages or has
            several partitions.
    """
    old_id = kafka.topic_id(settings.bootstrap_servers, topic)
    if old_id is not None and settings.external_bootstrap_servers and old_id not in _created_ids():
        offsets = kafka.topic_offsets(settings.bootstrap_servers, topic)
        if offsets and not offsets.count and len(offsets.end) == 1:
            return
        raise LessonError(
            f"the topic {topic!r} at {settings.bootstrap_servers} contains messages of other programs, or has "
            "several partitions. On an external Kafka, lessons replace only topics that they created. Use a topic "
            "of your own, which the lessons create, and restart JupyterLab from the same shell",
            COMMAND_FOR_OTHER_TOPIC,
        )
    if save and old_id is not None and (saved := save_messages(topic, settings)):
        print(f"The messages that were in topic {topic!r} are saved in {saved}")
    _recreate_topic(topic)


def _recreate_topic(topic: str) -> None:
    """Replace a topic with an empty one; on an external Kafka, store the id of the new one."""
    kafka.recreate_topic(settings.bootstrap_servers, topic)
    created = kafka.topic_id(settings.bootstrap_servers, topic)
    if settings.external_bootstrap_servers and created and created.strip("0-"):  # brokers before 2.8 have no ids
        write_atomically(settings.state_dir / CREATED_TOPICS, "\n".join([*_created_ids(), created]))


def _created_ids() -> list[str]:
    """Return the ids of the topics that this kit created on an external Kafka."""
    file = settings.state_dir / CREATED_TOPICS
    return file.read_text().split() if file.exists() else []


def ensure_purchases(topic: str, path: str) -> int:
    """Write the sword purchases to a path on HDFS unless they exist; return the number of rows there.

    Raises:
        LessonError: The path is on an external file system and contains other data.
    """
    from pyspark.sql import SparkSession

    from eventlab.jobs import filtered_writes

    session = SparkSession.builder.getOrCreate()
    existing = count_purchases(session, path)
    if existing is not None and existing != COURSE_PURCHASES and settings.external_default_fs:
        raise LessonError(
            f"{path} at {settings.default_fs} contains other data than the course's sword purchases. Lessons "
            "do not replace it on an external file system. Set another path in the cell tagged `parameters`"
        )
    if existing != COURSE_PURCHASES:
        filtered_writes.write(session, topic, path)
    return session.read.parquet(path).count()


def count_purchases(session: SparkSession, path: str) -> Counter | None:
    """Count the rows of a Parquet folder by host and event type; return None when the path does not exist."""
    from pyspark.errors import AnalysisException

    try:
        rows = session.read.parquet(path).groupBy("Host", "event_type").count().collect()
    except AnalysisException as error:
        return None if error.getCondition() == "PATH_NOT_FOUND" else Counter()
    return Counter({(row["Host"], row["event_type"]): row["count"] for row in rows})


def _host_and_type(record: ConsumerRecord) -> tuple[object, object] | None:
    event = kafka.json_object(record.value) or {}
    return (event["Host"], event["event_type"]) if {"Host", "event_type"} <= event.keys() else None
