"""1,000,000 events from Kafka to Parquet: our jobs beside the original course's, and a bare read as the floor.

All run in one classic Spark (one JVM, the same master, cores and settings), in turns, so that a slow minute of
the machine is everybody's; the median of the rounds counts. Included is what a script does from its first look
at the topic to its last word: finding the fields, the schema printed, rows shown, the purchases written; ours
also counts what is no JSON object and puts the new folder in the old one's place. Not included is the JVM's start.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from kafka import KafkaAdminClient

from eventlab.settings import ROOT, Settings
from eventlab.stack import environment, filesystem
from tests.bench.rows import row

EVENTS = 1_000_000
ROUNDS = 3
AIM = 4


def measure(settings: Settings) -> list[dict[str, object]]:
    """Seconds of ours, the original's and the floor's; RuntimeError when they did not write the same rows."""
    topic = f"bench-{uuid.uuid4().hex[:12]}"
    admin = KafkaAdminClient(bootstrap_servers=settings.bootstrap_servers)
    admin.create_topics({topic: {"num_partitions": 1, "replication_factor": 1}})
    try:
        medians = _in_spark(settings, topic)
    finally:
        admin.delete_topics([topic])
        admin.close()
        for name in ("original", "ours"):
            filesystem.delete(f"/tmp/{topic}-{name}")
    write = medians["write"]
    return [
        row("filtered_writes, 1,000,000 events", write, "s", "original", medians["original write"], aim=AIM),
        row(
            "just_filtering, the same events", medians["show"], "s", "original", medians["original show"], aim=AIM
        ),
        row("filtered_writes, the same again", write, "s", "a bare read (the floor)", medians["read"]),
    ]


def _in_spark(settings: Settings, topic: str) -> dict[str, float]:
    """Run this file under `spark-submit` and return what it measured."""
    with tempfile.TemporaryDirectory(prefix="eventlab-bench-") as folder:
        result = Path(folder) / "medians.json"
        command = [str(ROOT / "stack" / "bin" / "spark-submit"), __file__, topic, str(result)]
        variables = environment.full(settings) | {"PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, capture_output=True, text=True, env=variables)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}\n{done.stderr[-3000:]}")
        return json.loads(result.read_text())


def main(topic: str, result: str) -> None:
    """What runs inside Spark: fill the topic, then every job in turn."""
    from pyspark.sql import SparkSession

    from eventlab.jobs import filtered_writes, just_filtering
    from eventlab.settings import settings
    from tests.bench import original_job

    spark = SparkSession.builder.appName("bench").getOrCreate()
    broker = settings.bootstrap_servers
    fill(spark, broker, topic)
    paths = {name: f"/tmp/{topic}-{name}" for name in ("original", "ours")}
    jobs: dict[str, Callable[[], object]] = {
        "read": lambda: read(spark, broker, topic),
        "original write": lambda: original_job.filtered_writes(spark, broker, topic, paths["original"]),
        "write": lambda: filtered_writes.run(spark, topic, paths["ours"]),
        "original show": lambda: original_job.just_filtering(spark, broker, topic),
        "show": lambda: just_filtering.run(spark, topic),
    }
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(ROUNDS):
        for name, job in jobs.items():
            started = time.monotonic()
            job()
            seconds[name].append(time.monotonic() - started)
    written = {name: spark.read.parquet(path) for name, path in paths.items()}
    counts = {name: rows.count() for name, rows in written.items()}
    if set(counts.values()) != {EVENTS // 2}:
        raise RuntimeError(f"the jobs did not write the same {EVENTS // 2} purchases: {counts}")
    by_name = sorted(written["ours"].columns)
    if differing := written["original"].select(by_name).exceptAll(written["ours"].select(by_name)).count():
        raise RuntimeError(f"{differing} of the original's rows are not among ours")
    print(seconds, file=sys.stderr)
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    Path(result).write_text(json.dumps(medians))


def fill(spark, bootstrap_servers: str, topic: str) -> None:
    """Send the course's events: two users, half of the calls a sword purchase."""
    event = {"Host": "", "User-Agent": "ApacheBench/2.3", "Accept": "*/*", "event_type": ""}
    text = (
        json.dumps(event).replace('"Host": ""', '"Host": "%s"').replace('"event_type": ""', '"event_type": "%s"')
    )
    spark.range(EVENTS).selectExpr(
        f"format_string('{text}', if(id % 4 < 2, 'user1.comcast.com', 'user2.att.com'),"
        " if(id % 2 = 0, 'default', 'purchase_sword')) as value"
    ).write.format("kafka").options(
        **{"kafka.bootstrap.servers": bootstrap_servers, "topic": topic, "kafka.linger.ms": "20"}
    ).save()


def read(spark, bootstrap_servers: str, topic: str) -> None:
    """Every message once, by every core, and nothing done with it."""
    messages = (
        spark.read.format("kafka")
        .option("kafka.bootstrap.servers", bootstrap_servers)
        .option("subscribe", topic)
        .option("minPartitions", str(os.cpu_count() or 1))
        .load()
    )
    messages.select("value").write.format("noop").mode("overwrite").save()


if __name__ == "__main__":
    main(*sys.argv[1:3])
