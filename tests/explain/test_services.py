"""A service that is away, provoked, told of, and mended with the command that the box names."""

import os
import signal
import time

import pytest

from eventlab.explain import spark
from eventlab.stack import Stack, process

pytestmark = pytest.mark.services

NEXT_EVENT = """
from kafka import KafkaConsumer
consumer = KafkaConsumer("events", bootstrap_servers=broker, bootstrap_timeout_ms=3000,
                         auto_offset_reset="earliest", consumer_timeout_ms=3000)
consumer.close()
"""


def end(settings, name):
    own = process.find(settings, name)
    own.kill()
    while process.alive(own):
        time.sleep(0.02)
    return own.pid


def test_a_broker_that_ended_is_proven_by_its_process_and_port(notebook, broken):
    pid = end(broken, "kafka")

    box = notebook.fails(NEXT_EVENT)

    assert box["what"] == "Kafka's broker has ended."
    assert f"process {pid} has ended, and nothing listens at port {broken.kafka_port}" in box["proof"]
    assert box["remedy"] == "!eventlab up kafka"

    assert notebook.run("!kafkacat -C -t events -o beginning -e")["what"] == box["what"]
    assert notebook.run("%%bash\nkafkacat -L -t events")["what"] == box["what"]
    notebook.is_mended(NEXT_EVENT, box)
    notebook.runs("!kafkacat -C -t events -o beginning -e")


def test_a_broker_that_is_held_up_is_said_to_be_there_and_not_to_answer(notebook, broken):
    own = process.find(broken, "kafka")
    cell = NEXT_EVENT.replace("consumer_timeout_ms=3000)", "request_timeout_ms=3000)\nconsumer.topics()")
    os.kill(own.pid, signal.SIGSTOP)
    try:
        box = notebook.fails(cell)
    finally:
        os.kill(own.pid, signal.SIGCONT)

    assert box["what"] == "Kafka's broker does not answer."
    assert f"process {own.pid} is there (stopped)" in box["proof"]
    assert box["remedy"] == "!eventlab restart kafka"
    os.kill(own.pid, signal.SIGSTOP)
    notebook.is_mended(cell, box)


def test_a_spark_server_that_was_stopped_is_started_and_a_session_taken_from_it(notebook, broken):
    notebook.runs("spark.range(3).count()")
    Stack(broken, grace_s=2).down(["spark"])
    cell = "spark.range(3).count()"

    box = notebook.fails(cell)

    assert box["what"] == "The Spark server is not running."
    assert f"nothing listens at port {broken.spark_port}" in box["proof"]
    assert box["remedy"].startswith("!eventlab up spark\n")
    notebook.is_mended(cell, box)


def test_a_session_of_an_earlier_server_is_renewed(notebook, broken):
    notebook.runs("spark.range(3).count()")
    Stack(broken, grace_s=2).down(["spark"])
    Stack(broken).up(["spark"])
    cell = "spark.range(3).count()"

    box = notebook.fails(cell)

    assert "was restarted" in box["what"]
    assert f"process {process.find(broken, 'spark').pid}" in box["proof"]
    notebook.is_mended(cell, box)


def test_a_session_that_was_stopped_is_renewed(notebook):
    notebook.runs("spark.stop()")
    cell = "spark.range(3).count()"

    box = notebook.fails(cell)

    assert "is closed" in box["what"]
    notebook.is_mended(cell, box)


def test_a_namenode_that_is_away_and_then_waits_for_its_datanode_in_safe_mode(notebook, broken):
    notebook.runs("spark.range(3).write.mode('overwrite').parquet('/tmp/three')")
    Stack(broken, grace_s=2).down(["namenode", "datanode"])
    read = "spark.read.parquet('/tmp/three').count()"

    box = notebook.fails(read)

    assert box["what"] == "HDFS's NameNode is not running."
    assert box["remedy"] == "!eventlab up namenode"
    assert notebook.run("!hadoop fs -ls /tmp")["what"] == box["what"]
    notebook.run(box["remedy"])

    write = "spark.range(3).write.mode('overwrite').parquet('/tmp/other')"
    box = notebook.fails(write)
    assert "safe mode" in box["what"]
    assert "The reported blocks 0 needs additional" in box["proof"]
    assert box["remedy"] == "!eventlab up datanode"

    notebook.is_mended(write, box)
    notebook.runs(read)


def test_blocks_without_their_datanode(notebook, broken):
    Stack(broken, grace_s=2).down(["datanode"])
    cell = "from eventlab import hdfs; course._require(['datanode'])"

    box = notebook.fails(cell)

    assert box["what"] == "HDFS's DataNode is not running."
    notebook.is_mended(cell, box)


def test_a_game_that_does_not_answer(notebook, broken):
    end(broken, "api")
    cell = "import httpx; httpx.get(settings.api_url)"

    box = notebook.fails(cell)

    assert box["what"] == "The game API has ended."
    assert notebook.run("!curl -s {settings.api_url}/")["remedy"] == "!eventlab up api"
    notebook.is_mended(cell, box)


def test_no_box_says_that_a_service_is_down_while_it_answers(notebook):
    for error in (
        "from kafka.errors import KafkaTimeoutError; raise KafkaTimeoutError('Unable to bootstrap')",
        "raise RuntimeError('StatusCode.UNAVAILABLE: Connection refused')",
        "raise RuntimeError('HDFS does not answer: Connection refused')",
        "raise RuntimeError('Name node is in safe mode')",
        "!kafkacat -C -t events --no-such-flag",
    ):
        assert notebook.run(error) is None, error


def test_a_broker_that_is_held_up_costs_no_more_than_the_limit(notebook, broken):
    held = process.find(broken, "kafka")
    notebook.runs("from kafka.errors import KafkaTimeoutError; hook.LIMIT_S = 2")
    os.kill(held.pid, signal.SIGSTOP)
    try:
        started = time.monotonic()
        notebook.run("raise KafkaTimeoutError('held')")
        took = time.monotonic() - started
    finally:
        os.kill(held.pid, signal.SIGCONT)
        notebook.runs("hook.LIMIT_S = 30")

    assert took < 4


@pytest.fixture
def little_spark(broken):
    """The stack's Spark server with the least memory that it starts with."""
    Stack(broken, grace_s=2).down(["spark"])
    Stack(broken.model_copy(update={"spark_memory": "512m"})).up(["spark"])
    yield broken
    Stack(broken, grace_s=2).down(["spark"])
    Stack(broken).up(["spark"])


def test_a_spark_server_whose_memory_was_exhausted_gets_more(notebook, little_spark):
    pid = process.find(little_spark, "spark").pid
    notebook.run(spark.renewal("spark"))
    cell = "spark.sql('select size(collect_list(id)) as c from range(16000000)').collect()"

    box = notebook.fails(cell)

    assert box["what"] == "Spark's memory is exhausted."
    assert f"process {pid}, which had at most 512 MiB" in box["proof"]
    assert "java.lang.OutOfMemoryError: Java heap space" in box["proof"]
    assert box["remedy"].startswith("!EVENTLAB_SPARK_MEMORY=1024m eventlab restart spark\n")
    notebook.is_mended(cell, box)
    assert notebook.value == "[Row(c=16000000)]"
