"""Mistakes in cells while all services run: addresses, topics, paths, columns, rows and streams."""

import pytest

from eventlab.clients import kafka

pytestmark = pytest.mark.services

FIRST_EVENT = """
from kafka import KafkaConsumer
consumer = KafkaConsumer({topic}, bootstrap_servers={servers}, bootstrap_timeout_ms=2000, request_timeout_ms=3000,
                         auto_offset_reset="earliest", consumer_timeout_ms={wait_ms})
try:
    first = next(consumer)
finally:
    consumer.close()
"""


@pytest.fixture(autouse=True)
def an_event(notebook):
    """Send an event; return its topic."""
    notebook.run("!curl -s {settings.api_url}/purchase_a_sword")
    return "events"


def test_an_address_where_nothing_listens_is_corrected(notebook, broken):
    notebook.assert_runs("wrong = '127.0.0.1:1'")
    cell = FIRST_EVENT.format(wait_ms=15_000, topic="'events'", servers="wrong")

    box = notebook.assert_fails(cell)

    assert "No Kafka broker answers at 127.0.0.1:1" in box["what"]
    assert "Connection refused" in box["proof"]
    assert box["remedy"] == f"wrong = '{broken.bootstrap_servers}'"
    notebook.assert_fixed(cell, box)


def test_an_address_in_a_function_of_the_notebook_is_corrected(notebook, broken):
    notebook.assert_runs("""
other = "127.0.0.1:1"
def look(topic):
    return spark.read.format("kafka").option("kafka.bootstrap.servers", other).option("subscribe", topic).load()
""")

    box = notebook.assert_fails("look('events').count()")

    assert box["remedy"] == f"other = '{broken.bootstrap_servers}'"
    notebook.assert_fixed("look('events').count()", box)


def test_a_host_name_of_another_machine_is_corrected_in_a_line_for_spark(notebook, broken):
    cell = """(spark.read.format("kafka")
    .option("kafka.bootstrap.servers", "kafka:29092")
    .option("subscribe", "events").load().count())"""

    box = notebook.assert_fails(cell)

    assert "kafka:29092" in box["proof"]
    assert box["remedy"] == f'.option("kafka.bootstrap.servers", "{broken.bootstrap_servers}")'
    notebook.assert_fixed(cell, box)


def test_a_port_that_the_broker_does_not_advertise_is_corrected(notebook, broken):
    servers = f"'127.0.0.1:{broken.kafka_controller_port}'"
    cell = FIRST_EVENT.format(wait_ms=15_000, topic="'events'", servers=servers)

    box = notebook.assert_fails(cell)

    assert "no broker for clients listens there" in box["proof"]
    assert f"answers and advertises {broken.bootstrap_servers}" in box["proof"]
    notebook.assert_fixed(cell, box)


def test_a_missing_topic_is_created(notebook):
    cell = "read('not-there').count()"

    box = notebook.assert_fails(cell)

    assert box["what"] == "There is no topic 'not-there'."
    assert "events" in box["proof"]
    assert box["remedy"] == "!kafka-topics --create --topic not-there"
    notebook.assert_fixed(cell, box)


def test_a_misspelt_topic_is_corrected(notebook):
    cell = "source = read('event')\nsource.count()"

    box = notebook.assert_fails(cell)

    assert "Did you mean 'events'?" in box["what"]
    assert box["remedy"] == "source = read('events')"
    notebook.assert_fixed(cell, box)


def test_an_empty_topic_is_reported(notebook, broken):
    kafka.create_topic(broken.bootstrap_servers, "quiet")
    cell = FIRST_EVENT.format(wait_ms=1500, topic="'quiet'", servers="broker")

    box = notebook.assert_fails(cell)

    assert box["what"] == "The topic 'quiet' is empty."
    notebook.assert_fixed(cell, box)


def test_a_missing_and_a_misspelt_path_are_explained(notebook):
    notebook.assert_runs("spark.range(3).write.mode('overwrite').parquet('/tmp/scores')")
    cell = "spark.read.parquet('/tmp/scorse').count()"

    box = notebook.assert_fails(cell)

    assert box["what"] == "HDFS has no /tmp/scorse. Did you mean /tmp/scores?"
    assert "scores" in box["proof"]
    notebook.assert_fixed(cell, box)

    cell = "open_hdfs(settings).cat_file('/tmp/scorse/_SUCCESS')"
    notebook.assert_runs("from eventlab.clients.hdfs import open_hdfs")
    assert "/tmp on " in notebook.assert_fails(cell)["proof"]

    cell = "spark.read.parquet('/tmp/purchases').count()"
    box = notebook.assert_fails(cell)
    assert 'course.prepare("events-07", events=True, purchases="/tmp/purchases")' in box["remedy"]
    notebook.assert_runs("course.fresh_topic(settings.topic); course.preparation.send_course_events()")
    notebook.assert_fixed(cell, box)


def test_a_table_from_a_query_needs_an_empty_folder(notebook):
    notebook.assert_runs("spark.range(3).write.mode('overwrite').parquet('/tmp/levels')")
    cell = "spark.sql(\"create table levels using parquet location '/tmp/levels' as select 1 as level\").count()"

    box = notebook.assert_fails(cell)

    assert "The folder of the new table, /tmp/levels, has files already." in box["what"]
    assert "_SUCCESS" in box["proof"]
    notebook.assert_fixed(cell, box)


def test_a_dash_in_the_name_of_a_column_needs_backquotes(notebook):
    notebook.assert_runs(
        "spark.createDataFrame([('curl', 'x')], ['User-Agent', 'Host']).createOrReplaceTempView('visits')"
    )
    cell = 'spark.sql("""\n    select Host,\n    User-Agent\n    from visits""").count()'

    box = notebook.assert_fails(cell)

    assert box["what"] == "In SQL, User-Agent without backquotes means User minus Agent."
    assert box["remedy"] == "`User-Agent`"
    notebook.assert_fixed(cell, box)


def test_rows_with_values_in_wrong_columns_get_a_box_without_an_error(notebook):
    cell = """
knives = [
    {"event_type": "purchase_knife", "description": "sharp"},
    {"description": "sharper", "event_type": "purchase_knife"},
]
rows = [Row(**knife) for knife in knives]
frame = spark.createDataFrame(rows)"""

    box = notebook.run(cell)

    assert notebook.reply["status"] == "ok"
    assert "different orders" in box["what"]
    assert "its 'sharper' is in the column event_type" in box["proof"]
    assert notebook.run("frame.where(\"event_type = 'purchase_knife'\").count()") is None
    assert notebook.value == "1"
    notebook.assert_runs(box["remedy"] + "\nframe = spark.createDataFrame(rows)")
    notebook.assert_runs("frame.where(\"event_type = 'purchase_knife'\").count()")
    assert notebook.value == "2"


def test_rows_that_are_created_where_they_are_used_get_a_box(notebook):
    cell = "frame = spark.createDataFrame([Row(**knife) for knife in knives])"

    box = notebook.run(cell)

    assert box["remedy"] == "frame = spark.createDataFrame([knife for knife in knives])"
    notebook.assert_fixed(cell, box)


def test_rows_with_fields_in_one_order_get_no_box(notebook):
    assert notebook.run("same = [Row(a=1, b=2), Row(a=3, b=4)]\nspark.createDataFrame(same).count()") is None
    assert notebook.value == "2"


def test_rows_with_different_fields_are_explained(notebook):
    cell = "spark.createDataFrame(mixed).count()"
    notebook.assert_runs("mixed = [Row(event_type='a', description='b'), Row(event_type='a')]")

    box = notebook.assert_fails(cell)

    assert "do not all have the same fields" in box["what"]
    assert "row 1 is (event_type)" in box["proof"].replace("of mixed ", "")
    notebook.assert_fixed(cell, box)


def test_a_streaming_query_whose_name_is_in_use_is_explained(notebook):
    notebook.assert_runs("rate = spark.readStream.format('rate').load()")
    cell = "query = rate.writeStream.format('memory').queryName('swords').start()"
    notebook.assert_runs(cell)

    box = notebook.assert_fails(cell)

    assert "'swords' is already running" in box["what"]
    notebook.assert_fixed(cell, box)
    notebook.assert_runs("query.stop()")


def test_a_checkpoint_of_a_deleted_topic_is_explained(notebook, broken):
    stream = """
stream = read("fights", spark.readStream).writeStream.format("parquet").option("path", "/tmp/fights")
query = stream.option("checkpointLocation", "/tmp/checkpoint_of_fights").trigger(availableNow=True).start()
query.awaitTermination()"""
    kafka.create_topic(broken.bootstrap_servers, "fights")
    notebook.assert_runs("!(echo fight; echo fight; echo fight) | kafkacat -P -t fights")
    notebook.assert_runs(stream)
    notebook.assert_runs("course.fresh_topic('fights')")

    box = notebook.assert_fails(stream)

    assert "belongs to an earlier topic 'fights', which was deleted" in box["what"]
    assert "continues at offset 3 of partition 0; the topic ends at offset 0 now" in box["proof"]
    assert box["remedy"] == "!hadoop fs -rm -r -skipTrash /tmp/checkpoint_of_fights /tmp/fights"
    notebook.assert_fixed(stream, box)


def test_a_master_on_spark_connect_is_left_out(notebook, broken):
    cell = """from pyspark.sql import SparkSession
spark = SparkSession \\
    .builder \\
    .master("local[*]") \\
    .appName("analysis") \\
    .getOrCreate()
spark.range(8).count()"""

    box = notebook.assert_fails(cell)

    assert box["what"].startswith("`.master(...)` asks for a Spark inside of this kernel")
    assert box["proof"] == f"the variable SPARK_REMOTE is {broken.spark_remote}"
    assert "master" not in box["remedy"]
    notebook.assert_fixed(cell, box)
    assert notebook.value == "8"
