"""A million events from Kafka to Parquet on HDFS: the original course's UDF and RDDs against native columns."""

from __future__ import annotations

import json
import re
import statistics
import subprocess
from pathlib import Path

from eventlab.settings import Settings

EVENTS = 1_000_000
ROUNDS = 3
TOPIC = "bench-extraction"
HERE = Path(__file__).parent


def measure(settings: Settings) -> list[dict[str, object]]:
    """Both jobs in a classic Spark session of their own on all cores; starting Spark is not in the figures."""
    fill(settings)
    original = timed(HERE / "original_job.py", settings.bootstrap_servers, TOPIC, "/tmp/bench-original")
    own = timed(HERE / "own_job.py", TOPIC, "/tmp/bench-own")
    if original["rows"] != own["rows"]:
        raise RuntimeError(f"the jobs disagree: {original['rows']} and {own['rows']} purchases")
    name = f"{EVENTS:,} events to Parquet"
    return [
        row(f"{name}, ours", own["ours"], "original course's job", original["original"]),
        row(f"{name}, ours", own["ours"], "bare read (floor)", own["floor"]),
    ]


def fill(settings: Settings) -> None:
    """Half of the events are sword purchases, as in the course; the stack is new, so the topic is too."""
    from kafka import KafkaProducer

    headers = {"Host": "user1.comcast.com", "User-Agent": "ApacheBench/2.3", "Accept": "*/*"}
    events = [json.dumps({"event_type": kind, **headers}).encode() for kind in ("default", "purchase_sword")]
    producer = KafkaProducer(bootstrap_servers=settings.bootstrap_servers, linger_ms=50, batch_size=500_000)
    for number in range(EVENTS):
        producer.send(TOPIC, events[number % 2])
    producer.flush()
    producer.close()


def timed(script: Path, *arguments: str) -> dict[str, float]:
    """The medians of what the script prints as `seconds NAME VALUE`, and its `rows`."""
    command = ["spark-submit", str(script), *arguments, str(ROUNDS)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    seconds: dict[str, list[float]] = {}
    for name, value in re.findall(r"^seconds (\w+) ([\d.]+)$", done.stdout, re.MULTILINE):
        seconds.setdefault(name, []).append(float(value))
    rows = re.search(r"^rows (\d+)$", done.stdout, re.MULTILINE)
    return {name: statistics.median(values) for name, values in seconds.items()} | {
        "rows": int(rows[1]) if rows else -1
    }


def row(name: str, value: float, peer: str, peer_value: float) -> dict[str, object]:
    return {
        "name": name,
        "value": round(value, 2),
        "unit": "s",
        "peer": peer,
        "peer_value": round(peer_value, 2),
        "ratio": round(peer_value / value, 2),
    }
