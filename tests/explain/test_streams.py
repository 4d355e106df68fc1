"""Mistakes in streams and in Python functions for Spark: each box's remedy fixes the cell."""

import pytest

from eventlab.clients import kafka

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

@F.udf("long")
def slowly(offset):
    import time
    time.sleep(2)
    return offset

names = spark.createDataFrame([("a",), (None,)], "name string")

def stop_streams():
    [query.stop() for query in spark.streams.active]
"""


@pytest.fixture(scope="module")
def streams(notebook, broken):
    """Define streams and a function; return the notebook."""
    kafka.create_topic(broken.bootstrap_servers, "copies")
    notebook.assert_runs("!echo x | kafkacat -P -t copies")
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
        "rated = (spark.readStream\n  .format('rate').load().groupBy('value').count().writeStream\n"
        "  .format('parquet').option('path', '/tmp/g').outputMode('complete').start())",
        "only appends",
    ),
    "no checkpoint": (
        "pulse.writeStream.format('parquet').option('path', '/tmp/p').start()",
        "needs a checkpoint",
    ),
    "no checkpoint for Kafka": (
        "offsets.selectExpr('string(offset) as value').writeStream.format('kafka').options(**to_kafka)"
        ".trigger(availableNow=True).start().awaitTermination()",
        "needs a checkpoint",
    ),
    "no value for Kafka": (
        KAFKA_SINK.format(frame="offsets", n=1),
        "no such column",
    ),
    "a report before the first batch": (
        "if 'early' not in [query.name for query in spark.streams.active]:\n"
        "    early = copies.select(slowly('offset')).writeStream.format('memory').queryName('early').start()\n"
        "early.lastProgress.batchId",
        "had not completed a batch",
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


def test_the_output_of_files_is_deleted_with_the_checkpoint_so_that_all_rows_are_written_again(streams):
    cell = """
source = read("copies", spark.readStream).withWatermark("timestamp", "1 second")
query = (source.dropDuplicates(["offset"]).writeStream.format("parquet").option("path", "/tmp/out_files")
    .option("checkpointLocation", "/tmp/check_files").trigger(availableNow=True).start())
query.awaitTermination()"""
    streams.run("!echo x | kafkacat -P -t copies")
    streams.assert_runs(cell)
    streams.run("!echo x | kafkacat -P -t copies")
    changed = cell.replace('["offset"]', '["offset", "partition", "topic"]')

    box = streams.assert_fails(changed)

    assert box["remedy"] == "!hadoop fs -rm -r -skipTrash /tmp/check_files /tmp/out_files"
    assert "and the stream's output" in box["instruction"]
    streams.assert_fixed(changed, box)
    streams.assert_runs("spark.read.parquet('/tmp/out_files').count() == read('copies').count()")
    assert streams.value == "True"


def test_a_function_that_raises_names_the_line_and_the_value(streams):
    cell = "names.select(shout('name')).collect()"

    box = streams.assert_fails(cell)

    assert "'NoneType' object has no attribute 'upper'" in box["what"]
    assert "return text.upper()" in box["proof"]
    assert "it raises it for None, a value of the column name" in box["proof"]
    assert "    if text is None:\n        return None\n" in box["remedy"]
    assert "pyspark/worker.py" not in "\n".join(streams.reply["traceback"])
    streams.assert_fixed(cell, box)
    assert streams.value == "[Row(shout(name)='A'), Row(shout(name)=None)]"


EVENTS = """
orders = spark.createDataFrame([("sword", 3), ("knife", 0)], "item string, parts int")
orders.createOrReplaceTempView("orders")
calls = []

@F.udf("double")
def share(item, parts):
    return len(item) / parts

@F.udf("string")
def counted(item):
    calls.append(item)
    return item + 1

def initial(item):
    return item[10]

spark.udf.register("initial", initial)

@F.pandas_udf("string")
def louder(items):
    return items.str.upper_case()
"""


@pytest.fixture(scope="module")
def functions(streams):
    """Define functions that raise errors; return the notebook."""
    streams.assert_runs(EVENTS)
    return streams


RAISING = {
    "two arguments": (
        "orders.select(share('item', F.col('parts'))).collect()",
        "division by zero",
        "return len(item) / parts; it raises it for 'knife', 0, values of the columns item, parts",
    ),
    "an effect in this kernel": (
        "orders.select(counted('item')).collect()",
        "can only concatenate str",
        "item + 1",
    ),
    "a name in SQL": ("spark.sql('select initial(item) from orders').collect()", "index out of range", "item[10]"),
    "an expression as argument": (
        "orders.select(share(F.upper('item'), orders.parts)).collect()",
        "division by zero",
        "len(item) / parts",
    ),
    "a function of pandas": ("orders.select(louder('item')).collect()", "upper_case", "items.str.upper_case()"),
}


@pytest.mark.parametrize("name", RAISING)
def test_the_line_is_known_where_the_value_is_not(functions, name):
    cell, error, line = RAISING[name]

    box = functions.assert_fails(cell)

    assert error in box["what"]
    assert line in box["proof"]
    functions.assert_runs(box["remedy"])
    if name == "two arguments":  # the function fails for one row only
        functions.assert_fixed(cell, box)
        functions.assert_runs(EVENTS)
    functions.assert_runs("calls")
    assert functions.value == "[]"


def test_a_function_that_uses_a_dataframe_gets_a_list(streams):
    cell = """
@F.udf("long")
def known(name):
    return names.where(names.name == name).count()

names.select(known("name")).collect()"""

    box = streams.assert_fails(cell)

    assert "The function known uses names, a DataFrame" in box["what"]
    assert box["remedy"] == "names_rows = names.collect()"
    assert "for example [row for row in names_rows if row['name'] == ...]" in box["instruction"]
    streams.assert_runs(box["remedy"])
    count = "len([row for row in names_rows if row['name'] == name])"
    streams.assert_runs(cell.replace("names.where(names.name == name).count()", count))


def test_a_function_that_uses_the_session_gets_the_value(streams):
    cell = """
@F.udf("long")
def ranked(name):
    return len(name or "") + spark.range(3).count()

names.select(ranked("name")).collect()"""

    box = streams.assert_fails(cell)

    assert "The function ranked uses spark, the Spark session" in box["what"]
    assert "then write ranked_value for spark.range(3).count() in the function" in box["instruction"]
    streams.assert_runs(box["remedy"])
    streams.assert_runs(cell.replace("spark.range(3).count()", "ranked_value"))
    assert streams.value == "[Row(ranked(name)=4), Row(ranked(name)=3)]"


def test_a_job_whose_cell_lacks_its_line_writefile_does_not_read_the_arguments_of_the_kernel(notebook, tmp_path):
    opened = 'open_lab("lab05_stream", topic="t-events", folder="/tmp/t", group="t")'
    notebook.assert_runs(f"from eventlab.labs.student import open_lab\nlab = {opened}")
    job = "import sys\n\ntopic, folder = sys.argv[1:]\nlines = read(topic, spark.readStream)"

    box = notebook.assert_fails(job)

    assert box["what"] == "This cell is a program that reads the arguments of its command. A cell has none."
    assert "the cell contains 'topic, folder = sys.argv[1:]'" in box["proof"]
    line = box["remedy"].replace("my_job.py", str(tmp_path / "my_job.py"))
    notebook.assert_runs(f"{line}\n{job}")
    assert (tmp_path / "my_job.py").read_text().strip() == job
