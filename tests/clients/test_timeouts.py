"""Every client gives up in time, whether nobody answers or a program accepts connections and says nothing."""

import contextlib
import importlib
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from eventlab.clients import hdfs, http, kafka, ports, spark
from eventlab.clients.hdfs_web import jmx_bean
from eventlab.errors import ServiceUnavailable
from eventlab.stack import probes
from tests.helpers import Stopwatch
from tests.servers import closed_address, silent_server

pytestmark = pytest.mark.services

LIMIT_S = 15
REFUSED_LIMIT_S = 5


@pytest.fixture(autouse=True, scope="module")
def imported() -> None:
    """Import what clients import at their first use, so that the import is not measured."""
    for name in ("kafka", "requests", "pyspark.sql.connect.proto.base_pb2_grpc"):
        importlib.import_module(name)


def send_a_message(address: str) -> None:
    """Send a message and wait until it is acknowledged."""
    with kafka.open_producer(address) as producer:
        producer.send("events", b"{}").get(timeout=LIMIT_S)


CALLS: dict[str, Callable[[str], object]] = {
    "Kafka: metadata": kafka.check_broker,
    "Kafka: probe": lambda address: kafka.check_broker(address, probes.TIMEOUT_S),
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
    """Return how a call ended, and after how many seconds."""
    before = time.monotonic()
    try:
        call(address)
        ending = "returned"
    except Exception as error:
        ending = "unavailable" if isinstance(error, ServiceUnavailable) else repr(error)
    return ending, time.monotonic() - before


def outcomes(address: str, calls: dict[str, Callable[[str], object]]) -> dict[str, tuple[str, float]]:
    """Make all calls at the same time and return their outcomes; see `Stopwatch` for the seconds."""
    taken = Stopwatch()
    with ThreadPoolExecutor(max_workers=len(calls)) as pool:
        results = list(pool.map(lambda call: outcome(call, address), calls.values()))
    speed = taken.speed
    return {name: (ending, seconds * speed) for name, (ending, seconds) in zip(calls, results, strict=True)}


def assert_unavailable(results: dict[str, tuple[str, float]], limit_s: float = LIMIT_S) -> None:
    """Assert that each call ended with ServiceUnavailable in time."""
    wrong = {name: result for name, result in results.items() if result[0] != "unavailable" or result[1] > limit_s}
    assert wrong == {}


@pytest.fixture
def silent() -> Iterator[str]:
    """Return the address of a program that accepts connections and never answers."""
    with silent_server(backlog=256) as (_, address):
        yield address.replace("127.0.0.1", "localhost")


@pytest.fixture
def unreachable() -> Iterator[str]:
    """Return an address at which connections wait, because the queue of its listener is full."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server, contextlib.ExitStack() as queue:
        for _ in range(4):
            client = queue.enter_context(socket.socket())
            client.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                client.connect(server.getsockname())
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_every_client_gives_up_in_time_when_a_program_never_answers_or_does_not_accept_connections(
    silent: str, unreachable: str
):
    calls = {name: call for name, call in CALLS.items() if name != "TCP"}

    with ThreadPoolExecutor(2) as pool:
        never_answers, not_accepted = (
            pool.submit(outcomes, silent, calls),
            pool.submit(outcomes, unreachable, CALLS),
        )

    assert_unavailable(never_answers.result())
    assert_unavailable(not_accepted.result())


def test_every_client_reports_within_five_seconds_that_nothing_listens():
    calls = {name: call for name, call in CALLS.items() if name != "Spark: release"}
    with closed_address() as closed:
        assert_unavailable(outcomes(closed, calls), REFUSED_LIMIT_S)


def test_an_error_of_a_client_names_the_service_its_address_and_the_next_command(silent: str):
    with pytest.raises(kafka.KafkaUnavailable, match=f"(?s)Kafka does not answer at {silent}.*eventlab up kafka"):
        kafka.topic_offsets(silent, "events", timeout_s=1)
