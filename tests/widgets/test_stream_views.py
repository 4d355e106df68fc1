"""The views of a running streaming query: its numbers, its watermark, and a late event that a view sends."""

import gc
import json
import time

import psutil
import pytest
from ipywidgets.widgets.widget import _instances
from kafka import KafkaProducer

from eventlab.clients import kafka
from eventlab.widgets import StreamView, WatermarkView
from tests.clients.recorded_streams import BASE_S
from tests.helpers import wait_until
from tests.widgets.helpers import table_rows, threads

pytestmark = pytest.mark.services

TOPIC = "test-waves"


def at(second):
    """Return an event of a time in seconds after BASE_S."""
    return json.dumps({"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(BASE_S + second))}).encode()


@pytest.fixture(scope="module")
def spark(stack):
    """Open a Spark session."""
    from pyspark.sql import SparkSession

    session = SparkSession.builder.getOrCreate()
    yield session
    session.stop()


@pytest.fixture(scope="module")
def query(stack, spark):
    """Start a query that counts events in windows of 20 seconds; its first window is closed."""
    from pyspark.sql import functions as F

    kafka.create_topic(stack.bootstrap_servers, TOPIC, 2)
    producer = KafkaProducer(bootstrap_servers=stack.bootstrap_servers)
    options = {"kafka.bootstrap.servers": stack.bootstrap_servers, "subscribe": TOPIC}
    rows = spark.readStream.format("kafka").options(**options, startingOffsets="earliest").load()
    fields = F.from_json(F.col("value").cast("string"), "time timestamp").alias("event")
    times = rows.select(fields).select("event.*").withWatermark("time", "10 seconds")
    counts = times.groupBy(F.window("time", "20 seconds")).count()
    started = counts.writeStream.format("memory").queryName("waves").start()
    for values in ([at(1), at(5), at(12)], [at(45)]):
        for value in values:
            producer.send(TOPIC, value, partition=0)
        producer.flush()
        started.processAllAvailable()
    yield started
    started.stop()
    producer.close()
    kafka.delete_topics(stack.bootstrap_servers, [TOPIC])


@pytest.fixture
def view(stack, query, show):
    """Show the watermark of the query."""
    shown = show(WatermarkView(query, stack))
    wait_until(lambda: shown.follower.windows and "eventlab-times" in shown.chart.value)
    wait_until(lambda: not shown.send_button.disabled)  # now the slider is at its first time, too
    return shown


def test_a_view_shows_what_spark_and_kafka_report_about_the_query(stack, query, show):
    shown = show(StreamView(query, stack))

    wait_until(lambda: "2026-09-21 14:13:55" in shown.facts.value)  # the watermark: the query's last batch
    wait_until(lambda: "rows that Spark processes" in shown.chart.value)

    assert (
        shown.text == "StreamView: rates, batches, offsets, lag, watermark and state of the streaming query waves"
    )
    assert table_rows(shown.facts.value) == [[TOPIC, "0", "4", "4", "0"], [TOPIC, "1", "0", "0", "0"]]
    assert "4 rows read" in shown.facts.value
    assert shown.problem.value == ""


def test_the_windows_have_the_counts_of_the_engine(view, query, spark):
    closed = [window for window in view.follower.windows if window.closed is not None]

    rows = spark.table("waves").selectExpr("unix_seconds(window.start) as start", "count").collect()

    assert [(window.start_s, window.count) for window in closed] == [(row["start"], row["count"]) for row in rows]
    assert [(window.start_s - BASE_S, window.count) for window in closed] == [(0, 3)]
    assert table_rows(view.facts.value)[0][2:] == ["open", "1", "1"]


def test_an_event_of_an_earlier_time_is_sent_and_spark_drops_it(view, query):
    view.time.value = BASE_S + 3
    # The follower's thread may write the text for the last value after this one; its next look corrects it.
    wait_until(lambda: "its windows are closed: Spark will drop it" in view.draft.value)

    view.send_button.click()

    wait_until(lambda: "dropped it: it was too late" in view.result.value)
    wait_until(lambda: "1 row as late" in view.facts.value)
    wait_until(lambda: view.chart.value.count('<g class="dropped" transform') == 1)
    assert sum(operator.numRowsDroppedByWatermark for operator in operators(query)) == 1


def operators(query):
    """Return the stateful operators of all reports."""
    return [operator for progress in query.recentProgress for operator in progress.stateOperators]


def test_closed_views_leave_no_thread_no_model_and_no_connection(stack, query, show):
    before, models, open_connections = threads(), set(_instances), connections()
    views = [show(StreamView(query, stack)), show(WatermarkView(query, stack))]
    wait_until(lambda: all(view.follower.state for view in views))
    assert len(threads()) == len(before) + 2

    for view in views:
        view.close()
    gc.collect()

    wait_until(lambda: threads() == before)
    assert set(_instances) == models
    wait_until(lambda: connections() <= open_connections)


def connections():
    """Return the local addresses of the open TCP connections of this process."""
    return {link.laddr for link in psutil.Process().net_connections(kind="tcp") if link.raddr}


def test_without_a_broker_the_view_shows_what_spark_reports_and_the_command_that_starts_one(
    query, api_alone, show
):
    shown = show(StreamView(query, api_alone))

    wait_until(lambda: "Next: eventlab up kafka" in shown.problem.value)
    wait_until(lambda: "rows read" in shown.facts.value)


def test_a_query_that_was_stopped_has_no_error_although_spark_has_deleted_its_checkpoint(stack, query, show):
    query.stop()

    shown = show(WatermarkView(query, stack))

    wait_until(lambda: "It has ended" in shown.facts.value)
    assert shown.problem.value == ""
    assert shown.send_button.disabled
    assert "is in time" not in shown.draft.value
