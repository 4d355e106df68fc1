"""The clients of Kafka in a notebook give up within 15 seconds when no broker answers."""

import os
import subprocess
import sys
from typing import Any

import kafka
import pytest
from pyspark.sql.connect.readwriter import DataFrameReader, DataFrameWriter
from pyspark.sql.connect.streaming.readwriter import DataStreamReader

from eventlab.clients import kafka_connections, spark_kafka
from eventlab.commands import tools
from tests.servers import closed_address

NO_SESSION: Any = None  # format() needs no session


@pytest.fixture(autouse=True)
def prepared():
    """Prepare pyspark's classes."""
    spark_kafka.shorten_kafka_waits()
    spark_kafka.shorten_kafka_waits()  # a second time changes nothing


@pytest.mark.parametrize("kind", [DataFrameReader, DataStreamReader])
def test_a_reader_of_kafka_gets_short_timeouts(kind):
    reader = kind(NO_SESSION).format("kafka")

    assert {
        name: reader._options[name] for name in spark_kafka.KAFKA_READ_OPTIONS
    } == spark_kafka.KAFKA_READ_OPTIONS


def test_a_batch_does_not_wait_for_messages_after_its_last_one():
    reader, stream = DataFrameReader(NO_SESSION).format("kafka"), DataStreamReader(NO_SESSION).format("kafka")

    assert int(str(reader._options["kafka.fetch.max.wait.ms"])) < 100
    assert "kafka.fetch.max.wait.ms" not in stream._options


@pytest.mark.programs
def test_in_grading_only_this_wait_is_shorter():
    code = (
        "from eventlab.clients.spark_kafka import shorten_fetches\n"
        "from pyspark.sql.connect.readwriter import DataFrameReader, DataFrameWriter\n"
        "shorten_fetches()\n"
        "print(DataFrameReader(None).format('kafka').option('subscribe', 'events')._options)\n"
        "print(dict(DataFrameWriter(None, None).format('kafka')._write.options))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "{'kafka.fetch.max.wait.ms': '10', 'subscribe': 'events'}\n{}\n"


@pytest.mark.programs
@pytest.mark.parametrize("variable", ["EVENTLAB_WAITS=long", "NBGRADER_EXECUTION=autograde"])
def test_where_a_failure_costs_points_a_busy_broker_gets_time(variable):
    code = (
        "from eventlab.clients import kafka, kafka_connections, spark\n"
        "from pyspark.sql.connect.readwriter import DataFrameReader\n"
        "spark.prepare_client()\n"
        "print(kafka_connections.TIMEOUT_S, kafka.READ_TIMEOUT_S)\n"
        "print(DataFrameReader(None).format('kafka').option('subscribe', 'events')._options)"
    )
    learner = {name: value for name, value in os.environ.items() if name != "EVENTLAB_WAITS"}

    done = subprocess.run(
        [sys.executable, "-c", code],
        env=learner | dict([variable.split("=")]),
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == "15.0 20.0\n{'kafka.fetch.max.wait.ms': '10', 'subscribe': 'events'}\n"


def test_an_option_of_the_program_is_kept_before_and_after_the_format():
    reader = DataFrameReader(NO_SESSION).option("fetchOffset.numRetries", 7).format("kafka")
    reader.option("kafka.request.timeout.ms", 9)

    assert reader._options["fetchOffset.numRetries"] == "7"
    assert reader._options["kafka.request.timeout.ms"] == "9"


def test_another_format_gets_no_options():
    assert DataFrameReader(NO_SESSION).format("parquet")._options == {}


def test_a_writer_of_kafka_gets_short_timeouts():
    writer = DataFrameWriter(NO_SESSION, NO_SESSION).format("kafka")

    assert dict(writer._write.options) == spark_kafka.KAFKA_WRITE_OPTIONS


@pytest.fixture
def notebook(monkeypatch):
    """Shorten the timeouts of kafka-python, and restore its classes afterwards."""
    for name in kafka_connections.NOTEBOOK_DEFAULTS:
        kind = getattr(kafka, name)
        monkeypatch.setattr(kind, "DEFAULT_CONFIG", dict(kind.DEFAULT_CONFIG))
        monkeypatch.setattr(kind, "__init__", kind.__init__)
    kafka_connections.shorten_default_timeouts()
    kafka_connections.shorten_default_timeouts()  # a second time changes nothing


def test_the_clients_of_kafka_python_get_short_timeouts(notebook):
    producer = kafka.KafkaProducer.DEFAULT_CONFIG
    assert producer["max_block_ms"] + producer["request_timeout_ms"] < 15_000
    assert producer["delivery_timeout_ms"] < 15_000
    assert kafka.KafkaConsumer.DEFAULT_CONFIG["bootstrap_timeout_ms"] < 15_000


@pytest.mark.parametrize(
    ("kind", "chosen"),
    [
        ("KafkaProducer", {"request_timeout_ms": 30_000}),
        ("KafkaProducer", {"linger_ms": 6000}),
        ("KafkaProducer", {"request_timeout_ms": 20_000, "linger_ms": 100, "delivery_timeout_ms": 60_000}),
        ("KafkaConsumer", {"fetch_max_wait_ms": 15_000}),
    ],
)
def test_kafka_python_accepts_the_options_that_it_accepts_elsewhere(notebook, kind, chosen):
    with closed_address() as address:
        client = getattr(kafka, kind)(bootstrap_servers=address, api_version=(2, 8), **chosen)
        client.close()

    assert {name: client.config[name] for name in chosen} == chosen


def test_a_longer_request_of_the_program_gets_limits_that_kafka_accepts():
    writer = DataFrameWriter(NO_SESSION, NO_SESSION).format("kafka")
    writer.options(**{"kafka.request.timeout.ms": 30_000, "kafka.linger.ms": 500})
    reader = DataFrameReader(NO_SESSION).option("kafka.request.timeout.ms", 30_000).format("kafka")

    assert int(str(writer._write.options["kafka.delivery.timeout.ms"])) >= 30_500
    assert int(str(reader._options["kafka.default.api.timeout.ms"])) >= 30_000


def test_a_shorter_delivery_of_the_program_gets_a_request_that_kafka_accepts():
    writer = DataFrameWriter(NO_SESSION, NO_SESSION).format("kafka").option("kafka.delivery.timeout.ms", 2000)

    assert int(str(writer._write.options["kafka.request.timeout.ms"])) <= 2000

    writer = writer.option("kafka.linger.ms", 1500)

    assert int(str(writer._write.options["kafka.request.timeout.ms"])) <= 500


@pytest.mark.programs
def test_a_program_of_spark_gets_the_timeouts_when_it_imports_pyspark():
    code = (
        "import pyspark.sql.readwriter as module, kafka\n"
        "assert hasattr(module.DataFrameReader.format, 'kafka_options')\n"
        "assert kafka.KafkaProducer.DEFAULT_CONFIG['max_block_ms'] < 15_000"
    )
    environment = os.environ | tools.variables_with_timeouts({"PYTHONPATH": ""})

    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
