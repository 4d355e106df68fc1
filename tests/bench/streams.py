"""The streaming job beside a plain Spark program with the same sink, and beside a bare read.

Latency: a player calls the API 100 times a second; a call's event is readable when the checkpoint has the commit
of its batch. Sustained rate: a flow of events becomes faster in steps until a query no longer keeps up: it is more
than LAG_S behind the topic at the end of a step (or the sender is too slow). All three start a batch per second.
They share one Spark server and one machine with the sender.
"""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from eventlab.clients import kafka
from eventlab.settings import ROOT, Settings
from eventlab.stack import environment, jvm
from tests.bench.rows import row
from tests.bench.stream_position import POLL_S, committed_end, delete_output, wait_for_offset

RATE, CALLS = 100, 1500
STEPS = (5_000, 10_000, 20_000, 40_000, 60_000, 80_000, 120_000)
"""Events a second; each step takes STEP_S seconds."""
STEP_S, LAG_S = 6, 3
PEER = "plain Spark program"
EVENT = {
    "event_type": "purchase_sword",
    "Host": "user1.comcast.com",
    "User-Agent": "ApacheBench/2.3",
    "Accept": "*/*",
}
Start = Callable[[Any, str, str], list[Any]]


def measure(settings: Settings) -> list[dict[str, object]]:
    """Latencies and rates; RuntimeError when a row is missing or twice.

    They are measured in a process whose settings are those of this stack, because the job reads its settings.
    """
    with tempfile.TemporaryDirectory(prefix="eventlab-bench-") as folder:
        result = Path(folder) / "streams.json"
        command = [sys.executable, "-m", "tests.bench.streams", str(result)]
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True, env=environment.full(settings), cwd=ROOT)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}\n{done.stderr[-3000:]}")
        found = json.loads(result.read_text())
    name, rate = f"HTTP call to readable row at {RATE}/s", "events/s to Parquet, the stream keeps up"
    ours, plain, bare = (found[start.__name__] for start in (start_ours, start_plain, start_read))
    return [
        row(f"{name}, median", ours["median"], "s", PEER, plain["median"]),
        row(f"{name}, p95", ours["p95"], "s", PEER, plain["p95"]),
        row(rate, ours["rate"], "events/s", PEER, plain["rate"], is_rate=True),
        row(rate, ours["rate"], "events/s", "a bare read", bare["rate"], is_rate=True),
    ]


def main(result: str) -> None:
    """Measure the three programs in turns and write what was measured as JSON."""
    from pyspark.sql import SparkSession

    from eventlab.settings import settings

    spark = SparkSession.builder.getOrCreate()
    found: dict[str, dict[str, float]] = {}
    for start in (start_ours, start_plain):
        times = latencies(spark, settings, start)
        found[start.__name__] = {"median": statistics.median(times), "p95": p95(times)}
    for start in (start_ours, start_plain, start_read):
        found.setdefault(start.__name__, {})["rate"] = sustained_rate(spark, settings, start)
    spark.stop()
    Path(result).write_text(json.dumps(found))


def p95(values: list[float]) -> float:
    """Return the value that 95 % of the values do not exceed."""
    return sorted(values)[int(len(values) * 0.95) - 1]


def start_ours(spark: Any, topic: str, path: str) -> list[Any]:
    """Start the kit's job, which also counts what cannot be read and copies it to the dead letters."""
    from eventlab.jobs import stream_purchases, streams

    return stream_purchases.start(spark, topic, path, streams.CONTINUOUS)


def start_plain(spark: Any, topic: str, path: str) -> list[Any]:
    """Start what one writes first: the fields of the messages that are sword purchases, to Parquet."""
    schema = ", ".join(f"`{name}` string" for name in (*EVENT, "player"))
    events = read(spark, topic).selectExpr(
        f"from_json(cast(value as string), '{schema}') as event", "partition", "offset", "timestamp"
    )
    swords = events.where("event.event_type = 'purchase_sword'").select(
        "event.*", "partition", "offset", "timestamp"
    )
    return [write(swords, "parquet", path)]


def start_read(spark: Any, topic: str, path: str) -> list[Any]:
    """Read each message once, and do nothing with it."""
    return [write(read(spark, topic).select("value"), "noop", path)]


def read(spark: Any, topic: str) -> Any:
    from eventlab.settings import settings

    source = {"kafka.bootstrap.servers": settings.bootstrap_servers, "subscribe": topic}
    return spark.readStream.format("kafka").options(**source, startingOffsets="earliest").load()


def write(rows: Any, sink: str, path: str) -> Any:
    writer = rows.writeStream.format(sink).options(path=path, checkpointLocation=f"{path}.checkpoint")
    return writer.trigger(processingTime="1 second").start()


@contextmanager
def running(spark: Any, settings: Settings, start: Start, topic: str) -> Iterator[str]:
    """Run a program until the end of the block, which gets the folder of its rows."""
    path = f"/tmp/bench-{uuid.uuid4().hex[:8]}"
    queries = start(spark, topic, path)
    try:
        yield path
    finally:
        for query in queries:
            query.stop()
        delete_output(settings, path)


def latencies(spark: Any, settings: Settings, start: Start) -> list[float]:
    """Return the seconds from each HTTP call to the moment when its row can be read."""
    kafka.recreate_topic(settings.bootstrap_servers, settings.topic)
    url = f"{settings.api_url}/purchase_a_sword"
    called: list[float] = []
    took: list[float] = []
    with running(spark, settings, start, settings.topic) as path:
        call(url, 1, [])  # the first batch also compiles the query
        wait_for_offset(settings, path, settings.topic, 1, 60)
        player = threading.Thread(target=call, args=(url, CALLS, called))
        player.start()
        seen, deadline = 1, time.monotonic() + CALLS / RATE + 60
        while seen <= CALLS:
            end = committed_end(settings, path, settings.topic)
            took += [time.monotonic() - called[number - 1] for number in range(seen, end)]
            seen = max(seen, end)
            if time.monotonic() > deadline:
                raise RuntimeError(f"{CALLS - seen + 1} of {CALLS} rows cannot be read")
            time.sleep(POLL_S)
        player.join()
        if (rate := CALLS / (called[-1] - called[0])) < RATE * 0.95:
            print(f"this machine is busy: {rate:.0f} calls a second, not {RATE}", flush=True)
        offsets = sorted(found.offset for found in spark.read.parquet(path).select("offset").collect())
    if offsets != list(range(CALLS + 1)):
        raise RuntimeError(f"{len(offsets)} rows, {len(set(offsets))} of them different, for {CALLS + 1} calls")
    return took


def call(url: str, count: int, called: list[float]) -> None:
    """Call the API at RATE, one call after the other, and note when each one began."""
    began = time.monotonic()
    with httpx.Client(trust_env=False) as client:
        for number in range(count):
            time.sleep(max(0.0, began + number / RATE - time.monotonic()))
            called.append(time.monotonic())
            client.get(url).raise_for_status()


def sustained_rate(spark: Any, settings: Settings, start: Start) -> float:
    """Return the events a second of the last step after which the query was not too far behind."""
    topic = f"bench-{uuid.uuid4().hex[:8]}"
    kafka.create_topic(settings.bootstrap_servers, topic)
    kept_up = 0.0
    try:
        with running(spark, settings, start, topic) as path:
            send(settings, topic, 1000, 1000)
            wait_for_offset(settings, path, topic, sent := 1000, 60)
            for rate in STEPS:
                sent_rate = send(settings, topic, rate * STEP_S, rate)
                sent += rate * STEP_S
                behind = sent - committed_end(settings, path, topic)
                if sent_rate < rate * 0.9:
                    print(f"this machine is busy: it sent {sent_rate:.0f} events a second, not {rate}", flush=True)
                    break
                if behind > rate * LAG_S:
                    break
                kept_up = rate
                wait_for_offset(settings, path, topic, sent, 30)
            if not kept_up:
                raise RuntimeError(
                    f"no rate could be measured; {behind} of {sent} events were not written in time"
                )
    finally:
        kafka.delete_topics(settings.bootstrap_servers, [topic])
    return kept_up


def send(settings: Settings, topic: str, count: int, per_second: int) -> float:
    """Send sword purchases with Kafka's own load generator, and return how many a second it sent."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as payload:
        payload.write("\n".join(json.dumps(EVENT | {"player": f"player{number}"}) for number in range(100)))
        payload.flush()
        arguments = ["--topic", topic, "--num-records", str(count), "--throughput", str(per_second)]
        arguments += ["--payload-file", payload.name, "--producer-props"]
        arguments += [f"bootstrap.servers={settings.bootstrap_servers}", "linger.ms=20"]
        main = "org.apache.kafka.tools.ProducerPerformance"
        command = jvm.java_command("kafka", "kafka", main, *arguments, options=["-Deventlab.log.level=off"])
        done = subprocess.run(command, capture_output=True, text=True, cwd=Path(payload.name).parent)
    if done.returncode:
        raise RuntimeError(f"ProducerPerformance: {done.stdout[-1000:]}{done.stderr[-2000:]}")
    return float(re.findall(r"records sent, ([\d.]+) records/sec", done.stdout)[-1])


if __name__ == "__main__":
    main(sys.argv[1])
