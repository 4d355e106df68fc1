"""Replacing a Parquet folder without ever having half of it.

Spark's own `mode("overwrite")` deletes the old files first: a job that fails then has destroyed what was there.
Here the new files are written beside it and renamed when they are complete.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from pyspark.sql import SparkSession

from eventlab.clients.hdfs import HdfsError
from eventlab.jobs.topic import JobError
from eventlab.stack import filesystem


@contextmanager
def scratch(path: str) -> Iterator[str]:
    """The name of a folder beside `path` that nobody else uses and that is gone after the block."""
    folder = f"{path.rstrip('/')}.{uuid4().hex[:8]}.new"
    try:
        yield folder
    finally:
        filesystem.delete(folder)


@contextmanager
def replacing(spark: SparkSession, path: str) -> Iterator[str]:
    """A folder to write Parquet to, which takes the place of what is at `path` when the block is done.

    JobError when no row was written, or the folder can't be put there; what was at `path` is then still there (or
    the error says where).
    """
    with scratch(path) as complete:
        yield complete
        if spark.read.parquet(complete).isEmpty():
            raise JobError(f"no event is to be written; {path} stays as it was")
        try:
            filesystem.replace(complete, path)
        except HdfsError as error:
            raise JobError(str(error)) from error
