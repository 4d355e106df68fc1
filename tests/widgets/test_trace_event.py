"""One event is found in Kafka, in a Parquet file and in SQL, and each result is correct."""

import json
import subprocess

import pytest

from eventlab.clients import kafka
from eventlab.stack import environment
from eventlab.widgets import SparkProgress, TraceEvent
from eventlab.widgets.tracing import HEADER, TraceError
from tests.helpers import wait_until

pytestmark = pytest.mark.services


@pytest.fixture
def spark(stack):
    """Open a Spark session."""
    from pyspark.sql import SparkSession

    session = SparkSession.builder.getOrCreate()
    yield session
    session.stop()


def test_an_event_is_followed_from_its_request_to_its_row(stack, spark, show):
    trace = show(TraceEvent(settings=stack)).follow("/purchase_a_sword", "user3.example.org")

    assert (trace.status, trace.response) == (200, "Sword Purchased!")
    stored = kafka.read_topic(stack.bootstrap_servers, stack.topic)
    records = {(record.partition, record.offset): record for record in stored}
    event = json.loads(records[trace.partition, trace.offset].value)
    assert (event["event_type"], event["Host"], event[HEADER]) == ("purchase_sword", "user3.example.org", trace.id)
    rows = spark.read.parquet(trace.file).collect()
    assert rows[trace.row_index][HEADER] == trace.id
    assert trace.row["event_type"] == "purchase_sword"
    assert spark.sql(trace.query).count() == 1


def test_the_button_shows_each_completed_step(stack, spark, show):
    widget = show(TraceEvent(settings=stack))
    wait_until(lambda: len(widget.route.options) == 3)
    assert widget.steps.value.count('aria-label="pending: ') == 4

    widget.send_button.click()
    wait_until(lambda: not widget.send_button.disabled and "done: SQL" in widget.steps.value, 40)

    assert widget.message.value == ""
    assert f"offset <b>{widget.trace.offset}</b>" in widget.steps.value
    assert widget.trace.file in widget.steps.value


def test_a_path_without_a_route_ends_the_trace(stack, show):
    with pytest.raises(TraceError, match="returned status 404"):
        show(TraceEvent(settings=stack)).follow("/purchase_a_dragon")


def test_a_jobs_stages_and_tasks_are_shown_while_it_runs(spark, show):
    progress = show(SparkProgress(spark))

    spark.range(0, 1000, 1, 8).repartition(4).selectExpr("sum(id)").collect()

    assert 'aria-valuenow="100"' in progress.view.value
    assert progress.actions == 1
    progress.close()
    spark.range(10).collect()
    assert progress.actions == 1


def test_for_a_classic_session_the_widget_names_the_web_page(stack, tmp_path):
    script = tmp_path / "classic.py"
    script.write_text(
        "from pyspark.sql import SparkSession\n"
        "from eventlab.widgets import SparkProgress\n"
        "spark = SparkSession.builder.getOrCreate()\n"
        "progress = SparkProgress(spark)\n"
        "print(progress.view.value)\n"
        "print(spark.range(3).count())\n"
        "progress.close()\n"
    )

    done = subprocess.run(
        [environment.BIN_FOLDER / "spark-submit", script],
        capture_output=True,
        text=True,
        env=environment.full(stack),
    )

    assert done.returncode == 0, done.stderr
    assert "only on its web page: http://127.0.0.1:" in done.stdout
    assert done.stdout.splitlines()[-1] == "3"
