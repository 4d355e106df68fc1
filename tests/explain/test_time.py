"""A box appears within the time that a failed cell waits for it."""

import pytest

from eventlab.stack import Stack
from tests.explain.conftest import CONNECT, SPARK

pytestmark = pytest.mark.services

MEASURE = """
from eventlab.grading.fair_time import now  # seconds count less while other programs keep the processors
seconds, explain_in_time = [], hook.explain_in_time
now()
def measured(cell):
    started = now()
    box = explain_in_time(cell)
    seconds.append(now() - started)
    return box
hook.explain_in_time = measured
import requests
from kafka import KafkaConsumer, KafkaProducer
producer = KafkaProducer(bootstrap_servers=broker)
producer.send("pages", b"one").get(timeout=20)
visits = spark.createDataFrame([("user1", "late", 0)], ["Host", "year", "price"])
visits.createOrReplaceTempView("visits")
pulse = spark.readStream.format("rate").load()
lower = F.udf(lambda text: text.upper_case(), "string")
"""

MISTAKES = {
    "kafka address": "KafkaConsumer('pages', bootstrap_servers='127.0.0.1:1', bootstrap_timeout_ms=500)",
    "kafka topic": "read('pagse').count()",
    "kafka-python value": "producer.send('pages', 'two').get(timeout=20)",
    "kafka-python position": (
        "late = KafkaConsumer('pages', bootstrap_servers=broker, consumer_timeout_ms=900)\nnext(late)"
    ),
    "hdfs path": "spark.read.parquet('/tmpp/scores').count()",
    "sql view": "spark.sql('select * from visit').count()",
    "sql column": "visits.select('Hots').count()",
    "values": "visits.select(visits.year.cast('int')).collect()",
    "stream": "pulse.show()",
    "udf": "visits.select(lower('Host')).collect()",
    "http": "requests.get(settings.api_url + '/purchase_sword').raise_for_status()",
    "command topic": "!kafkacat -C -t pagse -o beginning -e -q",
    "command group": "!kafka-consumer-groups --describe --group nobody",
    "command path": "!hadoop fs -ls /tmpp",
    "command address": "!curl -s http://127.0.0.1:1/",
    "command behind a pipe": "!kafkacat -C -t pagse -o beginning -e -q | wc -l",
}


@pytest.fixture(scope="module")
def timed(open_notebook, broken):
    """Return a new notebook, so that the first box also imports the explanations."""
    Stack(broken).up()
    notebook = open_notebook(broken, CONNECT + SPARK)
    notebook.run(MEASURE)
    return notebook


@pytest.mark.parametrize("group", MISTAKES)
def test_a_box_of_each_group_appears_within_two_seconds(timed, group):
    timed.run("seconds.clear()")

    box = timed.run(MISTAKES[group])

    timed.run("seconds")
    print(f"{group}: {timed.value} s")
    assert box, (group, timed.value)
    assert float(timed.value.strip("[]")) < 2.0
