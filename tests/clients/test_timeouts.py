"""Every client gives up in time, whether nobody answers or a program accepts connections and says nothing."""

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import kafka as kafka_python
import pytest
import requests
from pyspark.sql.connect.proto import base_pb2_grpc

from eventlab.clients import hdfs, http, kafka, ports, spark
from eventlab.clients.hdfs_web import jmx_bean
from eventlab.errors import ServiceUnavailable

pytestmark = pytest.mark.services

LIMIT_S = 15
IMPORTED_LATE = (kafka_python, requests, base_pb2_grpc)  # imported here, because a slow import is no slow answer


def send_a_message(address: str) -> None:
    with kafka.open_producer(address) as producer:
        producer.send("events", b"{}").get(timeout=LIMIT_S)


CALLS: dict[str, Callable[[str], object]] = {
    "Kafka: metadata": kafka.check_broker,
    "Kafka: topics": kafka.list_topics,
    "Kafka: topic id": lambda address: kafka.topic_id(address, "events"),
    "Kafka: create": lambda address: kafka.create_topic(address, "events"),
    "Kafka: delete": lambda address: kafka.delete_topics(address, ["events"]),
    "Kafka: offsets": lambda address: kafka.topic_offsets(address, "events"),
    "Kafka: group": lambda address: kafka.committed_offsets(address, "group", "events"),
    "Kafka: read": lambda address: list(kafka.read_topic(address, "events")),
    "Kafka: send": send_a_message,
    "HDFS: exists": lambda address: hdfs.HdfsClient(f"http://{address}").exists("/tmp"),
    "HDFS: list": lambda address: hdfs.HdfsClient(f"http://{address}").ls("/tmp"),
    "HDFS: read": lambda address: hdfs.HdfsClient(f"http://{address}").cat_file("/tmp/a"),
    "HDFS: head": lambda address: hdfs.HdfsClient(f"http://{address}").head("/tmp/a", 10),
    "HDFS: write": lambda address: hdfs.HdfsClient(f"http://{address}").write("/tmp/a", b"a"),
    "HDFS: rename": lambda address: hdfs.HdfsClient(f"http://{address}").rename("/tmp/a", "/tmp/b"),
    "HDFS: metrics": lambda address: jmx_bean(f"http://{address}", "Hadoop:*"),
    "Spark: version": lambda address: spark.server_version(f"sc://{address}"),
    "Spark: version with token": lambda address: spark.server_version(f"sc://{address}", "token"),
    "Spark: release": lambda address: spark.release_session(f"sc://{address}", None, "user", "session"),
    "HTTP": lambda address: http.get(f"http://{address}/"),
    "TCP": lambda address: ports.check_connection(address),
}


def outcome(call: Callable[[str], object], address: str) -> tuple[str, float]:
    """How a call ended, and after how many seconds."""
    before = time.monotonic()
    try:
        call(address)
        ended = "returned"
    except Exception as error:
        ended = "unavailable" if isinstance(error, ServiceUnavailable) else repr(error)
    return ended, time.monotonic() - before


def outcomes(address: str, calls: dict[str, Callable[[str], object]]) -> dict[str, tuple[str, float]]:
    """The outcomes of all calls, made at the same time."""
    with ThreadPoolExecutor(max_workers=len(calls)) as pool:
        results = pool.map(lambda call: outcome(call, address), calls.values())
        return dict(zip(calls, results, strict=True))


def late_or_wrong(found: dict[str, tuple[str, float]]) -> dict[str, tuple[str, float]]:
    return {name: (ended, s) for name, (ended, s) in found.items() if ended != "unavailable" or s > LIMIT_S}


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a program that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=256) as server:
        yield f"localhost:{server.getsockname()[1]}"


@pytest.fixture
def unreachable() -> Iterator[str]:
    """An address at which connections are neither accepted nor refused: the queue of its listener is full."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server, contextlib.ExitStack() as queue:
        for _ in range(4):
            client = queue.enter_context(socket.socket())
            client.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                client.connect(server.getsockname())
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_every_client_gives_up_when_a_program_accepts_connections_and_never_answers(silent: str):
    calls = {name: call for name, call in CALLS.items() if name != "TCP"}

    assert late_or_wrong(outcomes(silent, calls)) == {}


def test_every_client_gives_up_when_connections_are_not_accepted(unreachable: str):
    assert late_or_wrong(outcomes(unreachable, CALLS)) == {}


def test_every_client_says_at_once_that_nothing_listens():
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"

    found = outcomes(address, {name: call for name, call in CALLS.items() if name != "Spark: release"})

    assert late_or_wrong(found) == {}


def test_an_error_of_a_client_names_the_service_its_address_and_the_next_command(silent: str):
    with pytest.raises(kafka.KafkaUnavailable, match=f"(?s)Kafka does not answer at {silent}.*eventlab up kafka"):
        kafka.topic_offsets(silent, "events", timeout_s=1)
