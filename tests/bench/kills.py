"""Kill the parts of a running stream again and again: nothing may be lost or written twice.

A sender sends 100 sword purchases a second and repeats what Kafka did not acknowledge. `spark-submit
stream_purchases.py` writes them to HDFS. In turns the job, the Spark server, the broker and the DataNode get
SIGKILL; then the service is started again, and the job whenever it has ended, as a supervisor does. Recovery is
the time from the kill until an event that was sent after it can be read. It is short when only the job is killed,
because its queries run in the Spark server; the next job takes them over.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import statistics
import subprocess
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from typing import IO

import psutil

from eventlab.clients import kafka
from eventlab.settings import ROOT, Settings
from eventlab.stack import Stack, process
from game_api import EventLog, Unacknowledged
from tests.bench.rows import row
from tests.bench.stream_position import POLL_S, delete_output, wait_for_offset

THE_JOB = "the job"
KILLED = (THE_JOB, "spark", "kafka", "datanode")
RATE = 100
TIMEOUT_S, LIMIT_S = 90, 30
"""Seconds until a recovery has failed, and the seconds that one should take at most."""
ALL_KILLS_S = 20 * 60
"""After this time, nothing more is killed."""
JOB = ROOT / "lib" / "eventlab" / "jobs" / "stream_purchases.py"


class Sender:
    """Sends numbered sword purchases as the API does, until it is stopped; counts what Kafka has acknowledged."""

    def __init__(self, bootstrap_servers: str, topic: str) -> None:
        self.bootstrap_servers, self.topic = bootstrap_servers, topic
        self.acknowledged = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._send_all, daemon=True)

    def __enter__(self) -> Sender:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._end.set()
        self._thread.join()

    def _send_all(self) -> None:
        log = EventLog(self.bootstrap_servers, self.topic)
        while not self._end.wait(1 / RATE):
            event = {"event_type": "purchase_sword", "player": str(self.acknowledged)}
            with contextlib.suppress(Unacknowledged):  # it is sent again
                log.append(json.dumps(event).encode())
                self.acknowledged += 1
        log.producer().close()


class Job:
    """The job under `spark-submit`, started again when it has ended."""

    def __init__(self, settings: Settings, topic: str, path: str, log: IO[bytes]) -> None:
        self.command = ["spark-submit", "--remote", settings.spark_remote, str(JOB), topic, path]
        self.log = log
        self.process = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        """Start the job."""
        return subprocess.Popen(self.command, stdout=self.log, stderr=self.log)

    def keep_running(self) -> None:
        """Start the job again if it has ended."""
        if self.process.poll() is not None:
            self.process = self.start()

    def kill(self) -> None:
        """End `spark-submit` and the Python program, which is its child, with SIGKILL."""
        if self.process.poll() is None:
            for each in [*psutil.Process(self.process.pid).children(recursive=True), self.process]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    each.kill()
        self.process.wait()


def measure(settings: Settings, kills: int = 100) -> list[dict[str, object]]:
    """Return the recovery after each kind of kill, and that no row was lost or doubled; else RuntimeError."""
    recoveries, written = survive(Stack(settings), kills)
    count = sum(map(len, recoveries.values()))
    rows = [
        row(f"recovery, {name} killed, median", statistics.median(times), "s", "limit", LIMIT_S, aim=1)
        for name, times in recoveries.items()
    ]
    slowest = max(itertools.chain(*recoveries.values()))
    return [
        *rows,
        row("recovery, the slowest of all", slowest, "s", "limit", LIMIT_S, aim=1),
        row("rows lost or doubled by kills", 0, f"rows, {count} kills", "rows written", written),
    ]


def survive(stack: Stack, kills: int, killed: Sequence[str] = KILLED) -> tuple[dict[str, list[float]], int]:
    """Kill in turns; return the seconds of each recovery by what was killed, and the number of rows.

    Raises:
        RuntimeError: The stream did not recover, or its rows are not the topic's messages, each once.
    """
    settings, topic = stack.settings, f"bench-{uuid.uuid4().hex[:8]}"
    path = f"/tmp/{topic}"
    recoveries: dict[str, list[float]] = {}
    kafka.create_topic(settings.bootstrap_servers, topic)
    deadline = time.monotonic() + ALL_KILLS_S
    with ExitStack() as exits:
        log = exits.enter_context(tempfile.TemporaryFile())
        exits.callback(delete_output, settings, path)
        job = Job(settings, topic, path, log)
        exits.callback(job.kill)
        try:
            with Sender(settings.bootstrap_servers, topic) as sender:
                wait_for_offset(settings, path, topic, RATE, TIMEOUT_S)
                for name in itertools.islice(itertools.cycle(killed), kills):
                    if time.monotonic() < deadline:
                        recoveries.setdefault(name, []).append(recovery(stack, job, sender, name, path))
            end = end_of(settings, topic)
            wait_for_offset(settings, path, topic, end, TIMEOUT_S, job.keep_running)
        except RuntimeError as error:
            log.seek(0)
            raise RuntimeError(f"{error}\n{log.read().decode(errors='replace')[-3000:]}") from error
        check(settings, topic, path, sender.acknowledged)
    kafka.delete_topics(settings.bootstrap_servers, [topic])
    return recoveries, end


def recovery(stack: Stack, job: Job, sender: Sender, name: str, path: str) -> float:
    """Kill a service or the job, start it again, and return the seconds until a later event can be read."""
    settings, before, began = stack.settings, sender.acknowledged, time.monotonic()
    if name == THE_JOB:
        job.kill()
    else:
        service = process.find(settings, name)
        assert service, f"{name} does not run"
        service.kill()
        stack.up([name])
    while sender.acknowledged <= before + 1:  # one event may have been on its way
        if time.monotonic() > began + TIMEOUT_S:
            raise RuntimeError(f"Kafka acknowledges nothing {TIMEOUT_S} s after {name} was killed")
        time.sleep(POLL_S)
    end = end_of(settings, sender.topic)
    wait_for_offset(settings, path, sender.topic, end, TIMEOUT_S, job.keep_running)
    return time.monotonic() - began


def end_of(settings: Settings, topic: str) -> int:
    """Return the end offset of a topic with one partition."""
    offsets = kafka.topic_offsets(settings.bootstrap_servers, topic)
    return offsets.end[0] if offsets else 0


def check(settings: Settings, topic: str, path: str, acknowledged: int) -> None:
    """Raise RuntimeError unless the rows are the topic's messages, and these contain all acknowledged events."""
    from pyspark.sql import SparkSession

    spark = SparkSession.builder.remote(settings.spark_remote).create()
    try:
        rows = [(row.offset, row.player) for row in spark.read.parquet(path).select("offset", "player").collect()]
    finally:
        spark.stop()
    records = kafka.read_topic(settings.bootstrap_servers, topic)
    messages = [(record.offset, json.loads(record.value)["player"]) for record in records]
    if problem := differences(messages, rows, acknowledged):
        raise RuntimeError(problem)


def differences(messages: list[tuple[int, str]], rows: list[tuple[int, str]], acknowledged: int) -> str:
    """Return what is lost or doubled, or an empty text.

    Args:
        messages: Offset and number of each message in the topic. An event that was sent again is there twice.
        rows: Offset and number of each row.
        acknowledged: How many events Kafka has acknowledged; their numbers begin with 0.
    """
    unsent = {str(number) for number in range(acknowledged)} - {number for _, number in messages}
    lost, doubled = Counter(messages) - Counter(rows), Counter(rows) - Counter(messages)
    if not (unsent or lost or doubled):
        return ""
    return (
        f"{len(unsent)} acknowledged events are not in Kafka; of {len(messages)} messages {lost.total()} are no "
        f"rows, {doubled.total()} rows are no messages or there twice: {[*lost, *doubled][:3]}"
    )
