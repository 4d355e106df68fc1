"""Putting the stack into the state that a lesson starts from, without losing what a learner left in it.

Every lesson's first cell calls `prepare`, so each runs on its own after `eventlab up` as well as in sequence.
"""

from __future__ import annotations

import contextlib
import io
import json
from collections import Counter
from collections.abc import Sequence
from itertools import islice

from eventlab import hdfs
from eventlab.course.topics import count, ensure_topic, messages, read_values, recreate_topic, save
from eventlab.settings import ROOT, settings
from eventlab.stack import config, environment, life

HOSTS = ("user1.comcast.com", "user2.att.com")
ROUTES = {"/": "default", "/purchase_a_sword": "purchase_sword"}
CALLS = 10
COURSE_EVENTS = Counter({(host, event_type): CALLS for host in HOSTS for event_type in ROUTES.values()})
"""The course's figures: two users call two routes ten times each, 40 events, 20 of them sword purchases."""
__all__ = ["ROOT", "CourseError", "connect", "prepare", "read_values", "recreate_topic"]


class CourseError(RuntimeError):
    """The stack is not in a state from which a lesson can start; the message says what to run."""


def connect() -> None:
    """Give this kernel the stack's environment: commands on the path, addresses, the Spark server."""
    config.render(settings)
    environment.apply(settings)
    from pyspark.logger import PySparkLogger

    # Spark writes a failed query to standard error a second time, as JSON with this machine's paths.
    PySparkLogger.getLogger("SQLQueryContextLogger").setLevel("CRITICAL")


def prepare(
    topic: str = settings.topic,
    *,
    events: bool = False,
    purchases: str | None = None,
    services: Sequence[str] = (),
) -> None:
    """Make this kernel and the stack ready for a lesson, and print what the lesson starts from.

    events: the topic holds exactly the course's 40 events; otherwise it is empty.
    purchases: the folder of HDFS that holds the 20 sword purchases of lesson 07.
    services: what the lesson uses besides Kafka and the API.
    What the topic held before, if it was something else, is saved to a file whose name is printed. CourseError
    when a service that the lesson needs does not answer, or the topic is not the learner's to empty.
    """
    connect()
    _require_api_topic(topic)
    _require(["kafka", "api", *services])
    ensure_topic(topic)
    if count(topic) and not (events and holds_course_events(topic)):
        _empty(topic)
    if events and not count(topic):
        send_bench()
    print(f"Topic {topic!r} holds {COURSE_EVENTS.total() if events else 0} events.")
    if purchases:
        print(f"{purchases} holds {ensure_purchases(topic, purchases)} rows.")


def send_bench() -> None:
    """The course's four bench runs: every host calls every route ten times."""
    from eventlab import load

    for host in HOSTS:
        for route in ROUTES:
            load.bench(settings.api_url + route, requests=CALLS, concurrency=1, headers={"Host": host})


def holds_course_events(topic: str) -> bool:
    """Whether the topic holds what `send_bench` sends, and nothing else."""
    wanted = COURSE_EVENTS.total()
    found = [_host_and_type(message.value) for message in islice(messages(topic), wanted + 1)]
    return Counter(found) == COURSE_EVENTS


def _host_and_type(value: bytes | None) -> object:
    try:
        event = json.loads(value or b"")
        return event["Host"], event["event_type"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def ensure_purchases(topic: str, path: str) -> int:
    """Write the topic's sword purchases to `path` if they are not what is there; return how many rows are."""
    from pyspark.sql import SparkSession

    spark = SparkSession.builder.getOrCreate()
    wanted = {host: CALLS for host, event_type in COURSE_EVENTS if event_type == "purchase_sword"}
    if not hdfs.exists(f"{path}/_SUCCESS") or _swords_by_host(spark, path) != wanted:
        from eventlab.jobs import filtered_writes

        with contextlib.redirect_stdout(io.StringIO()):  # what the job prints is lesson 07's to show
            filtered_writes.run(spark, topic, path)
    return spark.read.parquet(path).count()


def _swords_by_host(spark, path: str) -> dict[str, int]:
    from pyspark.errors import AnalysisException

    try:
        swords = spark.read.parquet(path).where("event_type = 'purchase_sword'")
        return {row["Host"]: row["count"] for row in swords.groupBy("Host").count().collect()}
    except AnalysisException:  # it holds something with other columns
        return {}


def _require_api_topic(topic: str) -> None:
    if topic != settings.topic:
        raise CourseError(
            f"the API sends its events to topic {settings.topic!r}, not to {topic!r}. "
            f"To use another for everything: export EVENTLAB_TOPIC={topic}, then eventlab restart"
        )


def _require(names: Sequence[str]) -> None:
    away = [service.name for service in life.status(settings, names) if service.state != "running"]
    if away:
        raise CourseError(f"not running: {', '.join(away)}. Start what this lesson needs: eventlab up")


def _empty(topic: str) -> None:
    """Keep what is in the topic in a file, then make the topic anew; somebody else's topic is left alone."""
    if settings.kafka_bootstrap_servers and topic == type(settings).model_fields["topic"].default:
        raise CourseError(
            f"topic {topic!r} at {settings.bootstrap_servers} holds {count(topic)} messages, and that Kafka is "
            f"somebody else's: it is not emptied. Use a topic that is yours to empty: export EVENTLAB_TOPIC=NAME, "
            f"also for the API, and start again"
        )
    kept, file = save(topic, settings.state_dir / "saved")
    shown = file.relative_to(ROOT) if file.is_relative_to(ROOT) else file
    print(f"The {kept} messages that were in topic {topic!r} are kept in {shown}")
    recreate_topic(topic)
