"""Putting the stack into the state that a lesson starts from, without losing what a learner left in it.

Every lesson's first cell calls `prepare`, so each runs on its own after `eventlab up` as well as in sequence.
"""

from __future__ import annotations

import time
from pathlib import Path

import httpx

from eventlab.settings import ROOT, Settings, settings
from eventlab.stack import config, environment, life, probes
from eventlab.stack.config import HDFS_USER

HOSTS = ("user1.comcast.com", "user2.att.com")
ROUTES = ("/", "/purchase_a_sword")
CALLS = 10
BENCH_EVENTS = len(HOSTS) * len(ROUTES) * CALLS
"""The course's figures: two users call two routes ten times each, 40 events, 20 of them sword purchases."""
PURCHASES = "/tmp/purchases"
__all__ = ["ROOT", "connect", "prepare", "read_values"]


class CourseError(RuntimeError):
    """The stack is not in a state from which a lesson can start; the message says what to run."""


def connect() -> None:
    """Give this kernel the stack's environment: commands on the path, addresses, the Spark server."""
    config.render(settings)
    environment.apply(settings)
    from pyspark.logger import PySparkLogger

    # Spark writes a failed query to standard error a second time, as JSON with this machine's paths.
    PySparkLogger.getLogger("SQLQueryContextLogger").setLevel("CRITICAL")


def prepare(*, events: bool = False, purchases: bool = False) -> None:
    """Make this kernel and the stack ready for a lesson, and print what the lesson starts from.

    events: the topic holds exactly the course's 40 events; otherwise it is empty.
    purchases: HDFS holds the 20 sword purchases of lesson 07 at /tmp/purchases.
    What the topic held before, if it was something else, is saved to a file first. CourseError when a service
    that the lesson needs does not answer.
    """
    connect()
    _require(settings, ["kafka", "api"] + ["namenode", "datanode", "spark"] * purchases)
    messages = read_values(settings.topic)
    if (bench_count(messages) != BENCH_EVENTS or len(messages) != BENCH_EVENTS) if events else messages:
        _save(settings, messages)
        recreate_topic(settings.topic)
        messages = []
    if events and not messages:
        send_bench()
    print(f"Topic {settings.topic!r} holds {BENCH_EVENTS if events else 0} events.")
    if purchases:
        print(f"{PURCHASES} holds {ensure_purchases()} rows.")


def send_bench() -> None:
    """The course's four bench runs: every host calls every route ten times."""
    from eventlab import load

    for host in HOSTS:
        for route in ROUTES:
            load.bench(settings.api_url + route, requests=CALLS, concurrency=1, headers={"Host": host})


def bench_count(messages: list[bytes]) -> int:
    """How many of the messages are what `send_bench` sends."""
    return sum(any(host.encode() in message for host in HOSTS) for message in messages)


def read_values(topic: str) -> list[bytes]:
    """Every message of the topic from the beginning; [] when there is no such topic."""
    with probes.quiet_kafka() as kafka:
        consumer = kafka.KafkaConsumer(
            bootstrap_servers=settings.bootstrap_servers,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        try:
            partitions = [
                kafka.TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()
            ]
            ends = consumer.end_offsets(partitions) if partitions else {}
            consumer.assign(partitions)
            values: list[bytes] = []
            while any(consumer.position(partition) < end for partition, end in ends.items()):
                for records in consumer.poll(timeout_ms=200).values():
                    values += [record.value or b"" for record in records]
            return values
        finally:
            consumer.close()


def recreate_topic(topic: str) -> None:
    """Delete the topic and create it anew, empty, with offsets from 0."""
    with probes.quiet_kafka() as kafka:
        admin = kafka.KafkaAdminClient(bootstrap_servers=settings.bootstrap_servers)
        try:
            if topic in admin.list_topics():
                admin.delete_topics([topic])
            deadline = time.monotonic() + 30
            while True:
                try:
                    admin.create_topics({topic: {"num_partitions": 1, "replication_factor": 1}})
                    return
                except kafka.errors.TopicAlreadyExistsError:  # its deletion is under way
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.05)
        finally:
            admin.close()


def ensure_purchases() -> int:
    """Write the sword purchases to HDFS if they are not there; return the number of rows there."""
    from pyspark.sql import SparkSession

    spark = SparkSession.builder.getOrCreate()
    url = f"{settings.webhdfs_url}/webhdfs/v1{PURCHASES}/_SUCCESS?op=GETFILESTATUS&user.name={HDFS_USER}"
    if httpx.get(url, trust_env=False, timeout=10).status_code != 200:
        from eventlab.jobs import filtered_writes

        filtered_writes.run(spark, settings.topic, PURCHASES)
    return spark.read.parquet(PURCHASES).count()


def _require(settings: Settings, names: list[str]) -> None:
    away = [service.name for service in life.status(settings, names) if service.state != "running"]
    if away:
        raise CourseError(f"not running: {', '.join(away)}. Start what this lesson needs: eventlab up")


def _save(settings: Settings, messages: list[bytes]) -> Path | None:
    if not messages:
        return None
    path = settings.state_dir / "saved" / f"{settings.topic}-{time.strftime('%Y%m%d-%H%M%S')}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.writelines(message + b"\n" for message in messages)
    return path
