"""Mistakes of somebody who begins the course: each box's remedy fixes the cell."""

import pytest

from eventlab.clients import kafka
from eventlab.stack import filesystem
from tests.explain.conftest import fixed, why

pytestmark = pytest.mark.services

PREPARED = """
import json, httpx
from kafka import KafkaConsumer, KafkaProducer
producer = KafkaProducer(bootstrap_servers=broker)
for number in range(3):
    producer.send("calls-05", json.dumps({"n": number}).encode()).get(timeout=20)
shop = spark.createDataFrame([("sword", 120), ("bow", 80)], "item string, price int")
tagged = spark.createDataFrame([("old, sharp",)], "tags string")
moments = spark.sql("select timestamp'2026-03-14 12:00:10' as time")
numbers = read("calls-05", spark.readStream)
shop.write.mode("overwrite").parquet("/tmp/lesson-05/shop")
"""
SOURCE = "spark.read.format('kafka').option('kafka.bootstrap.servers', broker).option('subscribe', 'calls-05')"

MISTAKES = {
    # DataFrames of Spark used like tables of pandas
    "a value assigned to a column": ("shop['n'] = 1", "which is never changed"),
    "a number for a column": ("shop.withColumn('n', 5).collect()", "lit() makes a column"),
    "an expression for a column": (
        "shop.withColumn('n', 'price * 2').collect()",
        "reads a string as an expression",
    ),
    "a loop over a DataFrame": ("for row in shop:\n    int(row['price'])", "gets its columns"),
    "a string that is exploded": ("tagged.select(F.explode('tags')).collect()", "split makes a list"),
    "a method in a comparison": ("if shop.count > 1:\n    print('many')", "parentheses: count()"),
    "a method of a chain in a comparison": ("shop.where('price > 1').count > 1", "parentheses: count()"),
    "Python's max of a name": ("shop.select(max('item')).collect()", "it returns the letter 't'"),
    "a misspelt kind of join": ("shop.join(shop, 'item', 'lefft').count()", "Did you mean 'left'?"),
    "a misspelt unit of time": (
        "moments.groupBy(F.window('time', '1 minut')).count().collect()",
        "Did you mean 'minute'?",
    ),
    # offsets of Spark's Kafka source
    "a number for startingOffsets": (f"{SOURCE}.option('startingOffsets', 1).load().count()", "is not a number"),
    "an offset after the end": (
        f"""{SOURCE}.option('startingOffsets', '{{"calls-05": {{"0": 99}}}}').load().count()""",
        "ends at offset 3, and the reader begins at offset 99",
    ),
    # streams
    "a trigger without its name": (
        "numbers.writeStream.format('memory').queryName('numbers1').trigger('1 second').start()",
        "needs its name",
    ),
    "a table without a name": ("numbers.writeStream.format('memory').start().stop()", "which needs a name"),
    "a table without a name, line by line": (
        "lines = (\n    numbers.writeStream\n    .format('memory')\n    .start()\n)",
        "which needs a name",
    ),
    "a stream that is counted": ("numbers.count()", "is a stream"),
    "a stream that is shown while its first table is written": ("numbers.show()", "is a stream"),
    # kafka-python and HTTP
    "a client without an address": (
        "KafkaConsumer('calls-05', bootstrap_timeout_ms=1000)",
        "got no address of a broker",
    ),
    "a commit without a group": (
        "alone = KafkaConsumer('calls-05', bootstrap_servers=broker, auto_offset_reset='earliest')\n"
        "next(alone)\nalone.commit()",
        "has no group",
    ),
    "a message for its value": (
        "reader = KafkaConsumer('calls-05', bootstrap_servers=broker, auto_offset_reset='earliest')\n"
        "json.loads(next(reader))",
        "The event is its value",
    ),
    "an address without http": (
        "httpx.get(f'127.0.0.1:{settings.api_port}/').text",
        "It needs http:// before it",
    ),
    # HDFS
    "a misspelt folder above a path": ("spark.read.parquet('/tmp/lesson-5/shop').count()", "/tmp/lesson-05/shop?"),
    "a relative path for a new folder": ("!hadoop fs -mkdir tmp/beginners", "Did you mean /tmp/beginners?"),
}


@pytest.fixture(scope="module")
def beginner(notebook, broken):
    """Send three messages, create DataFrames and a folder; stop the queries and delete the rest afterwards."""
    kafka.create_topic(broken.bootstrap_servers, "calls-05")
    notebook.assert_runs(PREPARED)
    yield notebook
    notebook.assert_runs("for query in spark.streams.active:\n    query.stop()")
    kafka.delete_topics(broken.bootstrap_servers, ["calls-05", "calls-06"])
    for folder in ("/tmp/lesson-05", "/tmp/beginners"):
        filesystem.delete(folder, broken)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_remedy_of_the_box_fixes_the_cell(beginner, mistake):
    cell, what = MISTAKES[mistake]

    box = beginner.run(cell)

    assert box, (beginner.reply, beginner.printed)
    assert what in box["what"]
    beginner.assert_fixed(cell, box)


def test_a_function_of_batches_with_one_argument(beginner):
    beginner.assert_runs("def keep(rows):\n    rows.count()")
    cell = "numbers.writeStream.foreachBatch(keep).start().processAllAvailable()"

    box = beginner.assert_fails(cell)

    assert "gets two arguments" in box["what"]
    assert box["remedy"] == "def keep(rows, number):"
    beginner.assert_runs(f"{box['remedy']}\n    rows.count()")
    beginner.assert_runs(cell)


def test_a_topic_that_a_lesson_emptied_is_not_taken_for_a_misspelt_name(beginner):
    beginner.assert_runs("producer.send('calls-06', b'{}').get(timeout=20); course.fresh_topic('calls-06')")

    box = why(beginner, "course.read_values('calls-06')")

    assert "The topic 'calls-06' is empty. A lesson or lab emptied it at" in box["what"]
    fixed(beginner, "course.read_values('calls-06')", box)
    assert "event_type" in beginner.value


IN_ORDER = {
    "a function with one argument, which the function of batches calls with two": (
        "def one(rows):\n    pass\n"
        "both = numbers.writeStream.foreachBatch(lambda rows, number: one(rows, number)).start()\n"
        "both.processAllAvailable()"
    ),
    "a variable named max": "max = lambda name: 't'\nshop.select(max('item')).collect()",
    "a comparison with another method": "len > 1",
    "an address of another scheme": "httpx.get('ftp://127.0.0.1/')",
}


@pytest.mark.parametrize("name", IN_ORDER)
def test_another_mistake_is_not_taken_for_one_of_these(beginner, name):
    box = beginner.run(IN_ORDER[name])
    beginner.run("if 'max' in globals(): del max")

    words = ("gets two arguments", "Python's own function", "parentheses: ", "It needs http:// before it")
    assert box is None or not any(word in box["what"] for word in words)
