"""Replacing a Parquet folder without ever having half of it.

Spark's own `mode("overwrite")` deletes the old files first: a job that fails then has destroyed what was there.
Here the new files are written beside it and renamed when they are complete.
"""

from __future__ import annotations

from uuid import uuid4

from pyspark.sql import DataFrame, SparkSession

from eventlab import hdfs
from eventlab.jobs.extract import JobError


def overwrite(spark: SparkSession, rows: DataFrame, path: str) -> int:
    """Put the rows at `path` as Parquet instead of what is there; return their number.

    JobError when there are none, or HDFS does not do it; what was at `path` is then still there.
    """
    complete = f"{path.rstrip('/')}.{uuid4().hex[:8]}.new"
    try:
        rows.write.parquet(complete)
        count = spark.read.parquet(complete).count()
        if not count:
            raise JobError(f"no event is to be written; {path} stays as it was")
        hdfs.replace(complete, path)
        return count
    except hdfs.HdfsError as error:
        raise JobError(f"{error}; {path} stays as it was") from error
    finally:
        hdfs.delete(complete)
