"""The game API, which answers when Kafka has acknowledged, beside the original course's, which does not wait.

All run at once and are measured in turns, so that a slow minute of the machine is everybody's. As the ceiling,
Flask behind our server without Kafka. The load is ApacheBench's where the machine has it: written in C, it takes
less of the processors from the servers than the kit's own, which stands in for it.
"""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import httpx
import psutil
from flask import Flask
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition

from eventlab.commands.ab import bench
from eventlab.settings import HOST, ROOT, Settings
from eventlab.stack import services
from tests.bench.rows import row
from tests.stacks import free_port

ROUNDS = 3
CONCURRENCIES = (1, 16)
AIMS = {1: 6, 16: 2}
"""How many times the original's requests a second, by concurrency."""
SECONDS = 3.0
"""The approximate duration of one turn; the warm-up measures how many requests that are."""


@dataclass
class Server:
    """A running API, the topic that it sends to, and its measurements."""

    name: str
    process: psutil.Process
    port: int
    topic: str
    answered: int = 0
    rates: dict[int, list[float]] = field(default_factory=dict)

    def turn(self, concurrency: int) -> None:
        """One measurement; its rate is noted, and how many requests were answered with success."""
        url = f"http://{HOST}:{self.port}/"
        earlier = self.rates.setdefault(concurrency, [])
        warm_up = load(url, 20 * concurrency, concurrency)
        rate = earlier[-1] if earlier else warm_up.requests_per_second
        report = load(url, max(100, int(rate * SECONDS)), concurrency)
        self.answered += warm_up.answered + report.answered
        earlier.append(report.requests_per_second)

    def median(self, concurrency: int) -> float:
        return statistics.median(self.rates[concurrency])

    def resident_mib(self) -> float:
        family = [self.process, *self.process.children(recursive=True)]
        return sum(member.memory_info().rss for member in family) / 2**20


def measure(settings: Settings) -> list[dict[str, object]]:
    """Measure requests per second, memory and lost events of the kit's API, the original one and the ceiling."""
    with ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory()))
        topics = running.enter_context(fresh_topics(settings, 3))
        port = free_port()
        original = [sys.executable, "-m", "flask", "run", "--port", str(port)]
        servers = [
            running.enter_context(serving("original course", original, port, topics[0], settings, folder)),
            running.enter_context(served("ours", ROOT / "game_api.py", topics[1], settings, folder)),
            running.enter_context(served("Flask without Kafka", Path(__file__), topics[2], settings, folder)),
        ]
        for _ in range(ROUNDS):
            for concurrency in CONCURRENCIES:
                for server in servers:
                    server.turn(concurrency)
        course, ours, ceiling = servers
        lost = missing(ours, settings)
        rows = [
            row(
                f"API, {concurrency} at a time",
                ours.median(concurrency),
                "requests/s",
                peer.name,
                peer.median(concurrency),
                aim=AIMS[concurrency] if peer is course else None,
                is_rate=True,
            )
            for concurrency in CONCURRENCIES
            for peer in (course, ceiling)
        ]
        rows.append(
            row("API, memory", ours.resident_mib(), "MiB", course.name, course.resident_mib(), is_rate=True)
        )
        lost_by_course = missing(course, settings)
        rows.append(
            row("API, answered but not in Kafka", lost, "events", course.name, lost_by_course, is_rate=True)
        )
    if lost:
        raise RuntimeError(f"{lost} of {ours.answered} acknowledged events are not in Kafka")
    return rows


class Load(NamedTuple):
    """One run of the load generator."""

    requests_per_second: float
    answered: int


def load(url: str, requests: int, concurrency: int) -> Load:
    """Send the requests with `ab`, else with our own; RuntimeError when `ab` gives up."""
    ab = shutil.which("ab")
    if ab is None:
        own = bench(url, requests, concurrency, variable_length=True)
        return Load(own.requests_per_second, own.complete - own.failed - own.non_2xx)
    command = [ab, "-q", "-l", "-n", str(requests), "-c", str(concurrency), url]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}\n{done.stderr}")
    found = {
        name: float(value)
        for name, value in re.findall(r"^(.+?): +(\d+(?:\.\d+)?)(?= |$)", done.stdout, re.MULTILINE)
    }
    failed = found["Failed requests"] + found.get("Non-2xx responses", 0)
    return Load(found["Requests per second"], int(found["Complete requests"] - failed))


def create_app() -> Flask:
    """Return the ceiling: an application that answers without Kafka."""
    app = Flask("bare")
    app.add_url_rule("/", view_func=lambda: "This is the default response!\n")
    return app


def served(name: str, app: Path, topic: str, settings: Settings, folder: Path):
    """Serve the application with the stack's server."""
    port = free_port()
    command = services.api_command(settings.model_copy(update={"api_app": app, "api_port": port}))
    return serving(name, command, port, topic, settings, folder)


@contextmanager
def serving(
    name: str, command: list[str], port: int, topic: str, settings: Settings, folder: Path
) -> Iterator[Server]:
    """Run the command as a process until the end of the block; RuntimeError with its log if it ends."""
    log = folder / f"{name}.log"
    own = {
        "FLASK_APP": str(ROOT / "tests" / "bench" / "original_api.py"),
        "KAFKA_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        "EVENTLAB_TOPIC": topic,
    }
    with (
        log.open("wb") as output,
        subprocess.Popen(command, env=os.environ | own, stdout=output, stderr=output) as it,
    ):
        try:
            deadline = time.monotonic() + 20
            while not answers(port):
                if it.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{name} does not answer:\n{log.read_text()}")
                time.sleep(0.05)
            yield Server(name, psutil.Process(it.pid), port, topic)
        finally:
            it.terminate()


def answers(port: int) -> bool:
    try:
        return httpx.options(f"http://{HOST}:{port}/", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


@contextmanager
def fresh_topics(settings: Settings, count: int) -> Iterator[list[str]]:
    names = [f"bench-{uuid.uuid4().hex[:8]}" for _ in range(count)]
    admin = KafkaAdminClient(bootstrap_servers=settings.bootstrap_servers)
    admin.create_topics({name: {"num_partitions": 1, "replication_factor": 1} for name in names})
    try:
        yield names
    finally:
        admin.delete_topics(names)
        admin.close()


def missing(server: Server, settings: Settings) -> int:
    """Return how many successful requests have no event two seconds later."""
    consumer = KafkaConsumer(bootstrap_servers=settings.bootstrap_servers)
    partition = TopicPartition(server.topic, 0)
    deadline = time.monotonic() + 2
    try:
        while True:
            written = consumer.end_offsets([partition])[partition]
            if written >= server.answered or time.monotonic() > deadline:
                return server.answered - written
            time.sleep(0.05)
    finally:
        consumer.close()
