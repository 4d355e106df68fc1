"""The topics and options of a cell, and whether an error is one about missing messages. No service is needed."""

import ast
import json
import re

import pandas
import pytest

from eventlab.explain import kafka, options, reader
from eventlab.explain.failed_cell import FailedCell
from eventlab.settings import settings
from tests.explain.test_python import failed


def read(topic, start="earliest"):
    """Read a topic: the parameter has the name of a variable of the notebook."""
    return {"subscribe": topic, "startingOffsets": start}


def messages(count):
    """Return a generator."""
    return (number for number in range(count))


@pytest.mark.parametrize(
    ("source", "topics"),
    [
        ("read('clicks')", ["clicks"]),
        ("read(topic='clicks')", ["clicks"]),
        ("read(other)", ["hush"]),
        ("read(f())", []),
        ("[read(name) for name in names]", []),  # not the topic of the variable `topic`
        ("KafkaConsumer('a', other, group_id='readers')", ["a", "hush"]),
        ("KafkaConsumer(group_id='readers')\nconsumer.subscribe(['a', 'b'])", ["a", "b"]),
        ("# KafkaConsumer('old')\ntext = 'KafkaConsumer(\"old\")'", []),
        ("frame.option('subscribe', topic).option('path', 'x')", ["events"]),
        ("frame.options(subscribe='a')", ["a"]),
        ("frame.options(**source)", ["clicks"]),
        ("frame.option('subscribe', f'{other}-{topic}' + '-2')", ["hush-events-2"]),
        ("frame.option('subscribe', f'{other}-{number}')", []),
        ("frame.option('subscribe', f'{other!r}')", []),
        ("frame.option('subscribe', f'{other:>9}')", []),
        ("admin.describe_topics(['a'])", ["a"]),
        ("admin.delete_topics(['a'])", []),  # a line that deletes another topic would lose data
    ],
)
def test_the_topics_of_a_cell_are_those_that_it_gives_to_a_client(source, topics):
    cell = FailedCell(
        None, source, {"read": read, "topic": "events", "other": "hush", "source": {"subscribe": "clicks"}}
    )

    assert list(options.named_topics(cell)) == topics


def test_an_option_has_a_name_and_a_value():
    tree = ast.parse("f(a=1).option('b', 2).options(**{'c': 3, d: 4}).option('e')")

    assert {name: ast.unparse(value) for name, value in options.options_in(tree)} == {"a": "1", "b": "2", "c": "3"}


def start(frame, folder, checkpoint="/tmp/check"):
    """Start a query."""
    return frame.writeStream.options(path=folder, checkpointLocation=checkpoint).start()


class DataStreamWriter:
    """A writer of a stream."""


@pytest.mark.parametrize(
    ("source", "checkpoint", "path"),
    [
        ("s.writeStream.option('checkpointLocation', '/tmp/check').start('/tmp/out')", "/tmp/check", "/tmp/out"),
        ('s.writeStream.option("checkpointLocation", check).start(path=out)', "/tmp/check", "/tmp/out"),
        ("s.writeStream.options(**sink).start()", "/tmp/check", "/tmp/out"),
        ("s.writeStream.options(**{'checkpointLocation': check, 'path': out}).start()", "/tmp/check", "/tmp/out"),
        ("s.writeStream.start(f'{out}', checkpointLocation=out + '.check')", "/tmp/out.check", "/tmp/out"),
        ("written(s).option('checkpointLocation', check).start(out)", "/tmp/check", "/tmp/out"),
        ("writer.option('checkpointLocation', check).start(out)", "/tmp/check", "/tmp/out"),
        ("query = start(s, '/tmp/out')", "/tmp/check", "/tmp/out"),
        # the folder of the source, a table in a batch, and two queries
        (
            "spark.readStream.option('path', out).load(out).writeStream.options(checkpointLocation=check)",
            "/tmp/check",
            None,
        ),
        ("rows.write.option('path', out).save(out)", None, None),
        ("a.writeStream.start(out)\nb.writeStream.start(check)", None, None),
        ("s.writeStream.start(folder())", None, None),
        ("# s.writeStream.option('checkpointLocation', '/tmp/check')", None, None),
    ],
)
def test_the_options_of_a_sink_are_those_of_the_query(source, checkpoint, path):
    sink = {"checkpointLocation": "/tmp/check", "path": "/tmp/out"}
    variables = {
        "check": "/tmp/check",
        "out": "/tmp/out",
        "sink": sink,
        "start": start,
        "writer": DataStreamWriter(),
    }

    cell = FailedCell(None, source, variables)

    assert options.sink_option(cell, "checkpointLocation") == checkpoint
    assert options.sink_option(cell, "path") == path


def test_what_spark_prints_is_the_option_of_the_sink():
    error = RuntimeError("FileSink[path=/tmp/a, checkpointLocation=/tmp/b]")

    cell = FailedCell(error, "s.writeStream.option('checkpointLocation', '/tmp/c').start()")

    assert options.sink_option(cell, "checkpointLocation") == "/tmp/b"


@pytest.mark.parametrize(
    ("source", "may_lack"),
    [
        ("rows[0]", True),
        ("max(rows)", True),
        ("next(messages(0))", True),
        ("nothing['n']", True),
        ("table.iloc[0]", True),
        ("list(KafkaConsumer([]))[0]", True),
        ("full[9]", False),
        ("rows\n[][0]", False),
        ("rows or 'a'.split('')", False),
        ("next(other)", False),
        ("parts[1]['n']", False),
    ],
)
def test_an_error_is_about_missing_messages_only_where_the_code_uses_something_empty(source, may_lack):
    variables = {
        "rows": [],
        "full": [1],
        "messages": messages,
        "nothing": None,
        "table": pandas.DataFrame({"a": []}),
    }
    consumer = type("KafkaConsumer", (list,), {})
    cell = failed(source, **variables, other=iter([]), parts=[1, None], KafkaConsumer=consumer)

    assert kafka.may_lack_messages(cell) is may_lack


MISPLACED = ValueError('Expected e.g. {"topicA":{"0":23,"1":-1},"topicB":{"0":-2}}, got 5')
BEYOND = ValueError("the start offset 9 is greater than the resolved end offset 3 for topic a partition 0.")


@pytest.mark.parametrize(
    ("error", "source", "line"),
    [
        (MISPLACED, "r.option('subscribe', t).option('startingOffsets', 5)", "{t: {'0': 5}}"),
        (MISPLACED, "r.options(subscribe='a', startingOffsets=5)", "{'a': {'0': 5}}"),
        (MISPLACED, "r.option('startingOffsets', 5)", None),
        (BEYOND, "r.option('startingOffsets', first)", "r.option('startingOffsets', \"earliest\")"),
        (BEYOND, "r.options(startingOffsets=first)", 'r.options(startingOffsets="earliest")'),
    ],
)
def test_an_offset_belongs_to_a_topic_and_a_partition(error, source, line):
    box = reader.offset_without_topic(FailedCell(error, source, {"json": json}), settings)

    assert (box is None) if line is None else box
    if box and error is MISPLACED:
        line = re.sub(r"(, |=)5", lambda match: f"{match[1]}json.dumps({line})", source)
    assert (box and box.remedy) == line
