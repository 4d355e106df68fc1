"""Explanations of calls that start a stream, from the error and the cell alone."""

import pytest

from eventlab.explain import stream_calls
from eventlab.explain.failed_cell import FailedCell
from eventlab.settings import settings

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
