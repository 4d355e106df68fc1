"""A service that answers again: it was too late for the cell."""

from types import MappingProxyType

import pytest

from eventlab.clients.kafka import KafkaUnavailable
from eventlab.explain import late_answers, service
from eventlab.explain.failed_cell import FailedCell
from eventlab.settings import Settings
from eventlab.stack import process
from tests.helpers import process_of, suspend

TIMEOUT = "org.apache.kafka.common.errors.TimeoutException: Timed out waiting for a node assignment."


class Process:
    """A process that is running."""

    pid = 4711


@pytest.fixture
def answering(monkeypatch):
    """Let each service have a process and answer; return the settings."""
    monkeypatch.setattr(process, "find", lambda settings, name: Process())
    monkeypatch.setattr(service, "answers", lambda settings, name: True)
    return Settings()


@pytest.mark.parametrize(
    ("error", "label"),
    [
        (RuntimeError(TIMEOUT), "Kafka's broker"),
        (KafkaUnavailable(Settings().bootstrap_servers, "timed out"), "Kafka's broker"),
        (RuntimeError("HDFS does not answer at http://localhost:9870 (ReadTimeout)"), "HDFS's NameNode"),
        (RuntimeError("Spark Connect does not answer at localhost:15002: DEADLINE_EXCEEDED"), "The Spark server"),
    ],
)
def test_a_service_that_answers_again_was_too_late(answering, error, label):
    box = late_answers.answered_too_late(FailedCell(error, "rows.count()"), answering)

    assert box
    assert label in box.what
    assert "did not answer in time, but it answers now" in box.what
    assert box.proof.startswith("process 4711 answers at ")
    assert "processors" in box.proof


@pytest.mark.parametrize(
    "message",
    [
        "Kafka does not answer at localhost:29092: it does not accept connections: Connection refused",
        "HDFS does not answer at http://localhost:9870 (ConnectionError)",
        "Spark Connect does not answer at localhost:15002: UNAUTHENTICATED: wrong token",
    ],
)
def test_a_refused_connection_and_a_wrong_token_are_no_late_answer(answering, message):
    assert late_answers.answered_too_late(FailedCell(RuntimeError(message), "rows.count()"), answering) is None


@pytest.mark.parametrize(
    "source",
    [
        "read('events').option('kafka.request.timeout.ms', 1).load().count()",
        "KafkaProducer(bootstrap_servers=broker, max_block_ms=1).send('events', b'{}')",
        "KafkaConsumer('events', bootstrap_servers=broker, security_protocol='SSL')",
        "KafkaConsumer('events', bootstrap_servers='elsewhere:9092')",
    ],
)
def test_a_client_with_limits_security_or_a_broker_of_its_own_gets_no_box(answering, source):
    assert late_answers.answered_too_late(FailedCell(RuntimeError(TIMEOUT), source), answering) is None


def test_a_variable_that_an_earlier_cell_has_set_with_a_limit_gets_no_box(answering):
    earlier = "producer = KafkaProducer(bootstrap_servers=broker, request_timeout_ms=1)"
    cell = FailedCell(
        RuntimeError(TIMEOUT),
        "producer.send('events', b'{}').get()",
        {"producer": object(), "In": ["", earlier, "producer.send('events', b'{}').get()"]},
    )

    assert late_answers.answered_too_late(cell, answering) is None


class KafkaProducer:
    """A client of another broker."""

    config = MappingProxyType({"bootstrap_servers": ["elsewhere:9092"]})


@pytest.mark.parametrize(
    ("earlier", "client"),
    [
        ("client = rows.write.format('kafka').option('kafka.bootstrap.servers', 'elsewhere:9092')", object()),
        ("client = KafkaProducer(bootstrap_servers=servers)", KafkaProducer()),
    ],
)
def test_a_client_of_another_broker_that_an_earlier_cell_has_created_gets_no_box(answering, earlier, client):
    source = "client.save()"
    cell = FailedCell(RuntimeError(TIMEOUT), source, {"client": client, "In": ["", earlier, source]})

    assert late_answers.answered_too_late(cell, answering) is None


def test_a_service_that_does_not_answer_gets_no_box(answering, monkeypatch):
    monkeypatch.setattr(service, "answers", lambda settings, name: False)

    assert late_answers.answered_too_late(FailedCell(RuntimeError(TIMEOUT), "rows.count()"), answering) is None


@pytest.mark.services
def test_a_broker_that_was_suspended_for_some_seconds_answered_too_late(notebook, broken):
    running = process_of(broken, "kafka")
    notebook.assert_runs(f"import os, signal\nresume = lambda: os.kill({running.pid}, signal.SIGCONT)")
    read = "read('events').count()"
    suspend(running)
    try:
        box = notebook.assert_fails(f"try:\n    {read}\nfinally:\n    resume()")
    finally:
        running.resume()

    assert box["what"].startswith("Kafka's broker did not answer in time, but it answers now.")
    assert f"process {running.pid} answers at {broken.bootstrap_servers} after " in box["proof"]
    notebook.assert_fixed(read, box)
