"""Mistakes in streams and in Python functions for Spark: each box's remedy fixes the cell."""

import pytest

pytestmark = pytest.mark.services

STREAMS = """
pulse = spark.readStream.format("rate").load()
groups = pulse.groupBy((F.col("value") % 3).alias("k")).count()
copies = read("copies", spark.readStream)
offsets = copies.select("offset")
numbers = copies.selectExpr("offset as value")
to_kafka = {"kafka.bootstrap.servers": broker, "topic": "copies-of-copies"}

@F.udf("string")
def shout(text):
    return text.upper()

names = spark.createDataFrame([("a",), (None,)], "name string")

def stop_streams():
    [query.stop() for query in spark.streams.active]
"""


@pytest.fixture(scope="module")
def streams(notebook):
    """Define streams and a function; return the notebook."""
    notebook.assert_runs("!kafka-topics --create --topic copies && echo x | kafkacat -P -t copies")
    notebook.assert_runs(STREAMS)
    return notebook


KAFKA_SINK = (
    "{frame}.writeStream.format('kafka').options(**to_kafka, checkpointLocation='/tmp/check_{n}')"
    ".trigger(availableNow=True).start().awaitTermination()"
)
MISTAKES = {
    "a stream that is shown": ("pulse.show()", "is a stream. It has no end"),
    "a grouped stream that is counted": ("groups.count().collect()", "is a stream. It has no end"),
    "a stream that is written": ("pulse.write.parquet('/tmp/pulse')", "is a stream. It has no end"),
    "append without a watermark": (
        "groups.writeStream.format('memory').queryName('without').start()",
        "which needs a watermark",
    ),
    "complete without groups": (
        "pulse.writeStream.format('memory').queryName('groupless').outputMode('complete').start()",
        "this stream has no groups",
    ),
    "complete to files": (
        "groups.writeStream.format('parquet').option('path', '/tmp/g').outputMode('complete').start()",
        "only appends",
    ),
    "no checkpoint": (
        "pulse.writeStream.format('parquet').option('path', '/tmp/p').start()",
        "needs a checkpoint",
    ),
    "no value for Kafka": (
        KAFKA_SINK.format(frame="offsets", n=1),
        "no such column",
    ),
    "a number for Kafka": (
        KAFKA_SINK.format(frame="numbers", n=2),
        "Here it is a bigint",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_remedy_of_the_box_fixes_the_cell(streams, mistake):
    cell, what = MISTAKES[mistake]

    box = streams.assert_fails(cell)

    assert what in box["what"]
    streams.assert_fixed(cell, box)
    streams.assert_runs("stop_streams()")


def test_a_checkpoint_of_other_groups_is_deleted(streams):
    cell = """
source = read("copies", spark.readStream)
query = (source.groupBy("partition").count().writeStream.format("noop").outputMode("complete")
    .option("checkpointLocation", "/tmp/check_groups").trigger(availableNow=True).start())
query.awaitTermination()"""
    send = "!echo x | kafkacat -P -t copies"
    streams.run(send)
    streams.assert_runs(cell)
    streams.run(send)
    changed = cell.replace('groupBy("partition")', 'groupBy("topic", "partition")')

    box = streams.assert_fails(changed)

    assert "belongs to an earlier form of this query" in box["what"]
    assert "its state has the fields partition, the query has topic, partition" in box["proof"]
    streams.assert_fixed(changed, box)


def test_a_function_that_raises_names_the_line_and_the_value(streams):
    cell = "names.select(shout('name')).collect()"

    box = streams.assert_fails(cell)

    assert "'NoneType' object has no attribute 'upper'" in box["what"]
    assert "return text.upper()" in box["proof"]
    assert "it raises it for None, a value of the column name" in box["proof"]
    assert box["remedy"] == "shout.func(None)"
    assert "pyspark/worker.py" not in "\n".join(streams.reply["traceback"])
    streams.assert_runs("shout = F.udf(lambda text: text and text.upper(), 'string')")
    streams.assert_runs(cell)


def test_a_function_that_uses_a_dataframe_gets_a_list(streams):
    cell = """
@F.udf("long")
def known(name):
    return names.where(names.name == name).count()

names.select(known("name")).collect()"""

    box = streams.assert_fails(cell)

    assert "The function known uses names, a DataFrame" in box["what"]
    assert box["remedy"] == "names_rows = names.collect()"
    streams.assert_runs(box["remedy"])
    count = "sum(1 for row in names_rows if row[0] == name)"
    streams.assert_runs(cell.replace("names.where(names.name == name).count()", count))
