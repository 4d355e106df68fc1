"""Streams and their folders that look like a mistake and have another reason, or none. No service is needed."""

from types import SimpleNamespace

from eventlab.explain import checkpoints, stream
from eventlab.settings import settings
from tests.explain.test_python import failed


class Stream:
    """A streaming DataFrame, which cannot be shown."""

    isStreaming = True
    sparkSession = SimpleNamespace(streams=SimpleNamespace(active=[]))

    def show(self):
        """Fail as Spark does."""
        raise ValueError("Queries with streaming sources must be executed with writeStream.start()")

    def schema(self):
        """Return nothing."""


Stream.__name__, Stream.__module__ = "DataFrame", "pyspark.sql.connect.dataframe"


def test_the_stream_that_was_shown_is_named_and_not_another_one():
    cell = failed("first.schema()\nsecond.show()", first=Stream(), second=Stream())

    box = stream.stream_used_as_table(cell, settings)

    assert box
    assert box.what.startswith("The DataFrame 'second' is a stream")


def test_a_folder_with_other_names_than_sparks_is_not_deleted():
    written = ("part-00000-a.parquet", "_SUCCESS", "_spark_metadata", "host=a.com", ".part.crc")
    noted = ("offsets", "commits", "metadata", "sources", "state", "checkpoint")
    others = ("bought", "purchases", "data.csv", "offsets-of-mine", "states", "checkpoints")

    assert all(checkpoints.OF_SPARK.match(name) for name in written + noted)
    assert not any(checkpoints.OF_SPARK.match(name) for name in others)
