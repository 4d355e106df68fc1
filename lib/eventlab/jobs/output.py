"""Replace a Parquet folder only when the new one is complete.

Spark's `mode("overwrite")` deletes the old files first, so that a job that fails loses them. Here the new files
are written to another folder, which is renamed when it is complete.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from pyspark.sql import SparkSession

from eventlab.jobs.topic import JobError
from eventlab.stack import filesystem


@contextmanager
def scratch(path: str) -> Iterator[str]:
    """Yield the name of a temporary folder next to `path`, which is deleted after the block."""
    folder = f"{path.rstrip('/')}.{uuid4().hex[:8]}.new"
    try:
        yield folder
    finally:
        filesystem.delete(folder)


@contextmanager
def replacing(spark: SparkSession, path: str) -> Iterator[str]:
    """Yield a folder for Parquet files, which replaces `path` after the block.

    Raises:
        JobError: No row was written.
        HdfsError: Renaming failed; the message says where the old content of `path` is.
    """
    with scratch(path) as complete:
        yield complete
        if spark.read.parquet(complete).isEmpty():
            raise JobError(f"there is no event to write; {path} is unchanged")
        filesystem.replace(complete, path)
