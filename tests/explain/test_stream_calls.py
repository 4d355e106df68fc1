"""Explanations of calls that start a stream, from the error and the cell alone."""

from types import SimpleNamespace

import pytest

from eventlab.explain import stream_calls
from eventlab.explain.failed_cell import FailedCell
from eventlab.settings import settings
from tests.explain.test_python import failed
from tests.explain.test_types_and_folders import let_hdfs_have

NO_NAME = Exception("queryName must be specified for memory sink.")
POSITIONAL = TypeError("DataStreamWriter.trigger() takes 1 positional argument but 2 were given")


def keep(rows):
    """Take the rows, without the number of the batch."""


def arity(name):
    return Exception(f"TypeError: {name}() takes 1 positional argument but 2 were given")


def test_a_chain_of_several_lines_gets_its_last_line():
    cell = FailedCell(NO_NAME, "query = (\n    events.writeStream\n    .format('memory')\n    .start()\n)")

    explanation = stream_calls.table_without_name(cell, settings)

    assert explanation
    assert explanation.remedy == '.queryName("rows_so_far").start()'


@pytest.mark.parametrize(("argument", "named"), [("'1 second'", True), ("every", True), ("5", False)])
def test_only_a_time_becomes_the_processing_time(argument, named):
    cell = FailedCell(POSITIONAL, f"writer.trigger({argument}).start()", {"every": "5 seconds"})

    explanation = stream_calls.trigger_without_name(cell, settings)

    assert (explanation and explanation.remedy) == (
        f"writer.trigger(processingTime={argument}).start()" if named else None
    )


@pytest.mark.parametrize(
    ("source", "error", "explained"),
    [
        ("writer.foreachBatch(keep).start()", arity("keep"), True),
        ("writer.foreachBatch(other).start()", arity("keep"), False),
        ("writer.foreachBatch(lambda rows, number: keep(rows, number)).start()", arity("keep"), False),
        ("keep(1, 2)", arity("keep"), False),
    ],
)
def test_only_the_function_of_batches_itself_is_explained(source, error, explained):
    cell = FailedCell(error, source, {"keep": keep, "other": print})

    assert bool(stream_calls.function_of_batches(cell, settings)) is explained


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("s.write.parquet(p)", 's.writeStream.format("parquet"){}.start(p)'),
        (
            "s.where('a').write.mode('append').json('/a')",
            "s.where('a').writeStream.format(\"json\"){}.start('/a')",
        ),
        ("s.write.option('x', 1).csv('/a')", "s.writeStream.format(\"csv\").option('x', 1){}.start('/a')"),
        ("s.write.format('orc').mode('overwrite').save('/a')", "s.writeStream.format('orc'){}.start('/a')"),
        ("s.write.save('/a')", None),
        ("s.write.saveAsTable('a')", None),
        ("s.write.parquet('/a', 'append')", None),
        ("s.show()", None),
    ],
)
def test_a_stream_is_written_to_files_like_a_table(monkeypatch, source, line):
    let_hdfs_have(monkeypatch, {"/tmp/checkpoint_1": []})

    code = stream_calls.written_to_files(FailedCell(None, source), settings)

    assert code == (line and line.format('.option("checkpointLocation", "/tmp/checkpoint_2")'))


def test_a_table_gets_a_name_that_no_query_has():
    session = SimpleNamespace(streams=SimpleNamespace(active=[SimpleNamespace(name="rows")]))

    assert stream_calls.free_table("rows", session) == "rows2"
    assert stream_calls.free_table("rows", None) == "rows"


class DataStreamWriter:
    """A writer, as far as an explanation looks at it."""


class StreamingQuery:
    """A query of the sink memory, as far as an explanation looks at it."""

    name = "by_type"


@pytest.mark.parametrize(
    ("statement", "fixed"),
    [
        ("replay = counts.writeStream.format('memory')", "replay = counts.writeStream.format('memory').start()"),
        ("replay = (\n    counts.writeStream\n)", "replay = (\n    counts.writeStream\n).start()"),
        (
            "replay = frame.writeStream.option(\n    'a', 'b'\n)",
            "replay = frame.writeStream.option(\n    'a', 'b'\n).start()",
        ),
    ],
)
def test_a_writer_that_is_used_like_a_query_is_started(statement, fixed):
    writer = DataStreamWriter()
    error = AttributeError(name="awaitTermination", obj=writer)
    cell = FailedCell(error, "replay.awaitTermination()", {"replay": writer, "In": [statement, ""]})

    box = stream_calls.writer_not_started(cell, settings)

    assert box
    assert box.remedy == fixed
    error.name = "colour"
    assert stream_calls.writer_not_started(cell, settings) is None


def test_the_rows_of_a_query_are_in_its_table(monkeypatch):
    tables = ["by_type"]
    session = SimpleNamespace(catalog=SimpleNamespace(tableExists=tables.__contains__))
    monkeypatch.setattr(stream_calls, "session_of", lambda cell: session)
    query = StreamingQuery()
    cell = failed("by_type.show()", by_type=query)

    box = stream_calls.query_is_no_table(cell, settings)

    assert box
    assert box.remedy == 'spark.table("by_type").show()'
    tables.clear()
    assert stream_calls.query_is_no_table(cell, settings) is None
