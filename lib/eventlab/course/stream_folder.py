"""Empty the folder of a lesson's streams: stop the queries of an earlier run, and delete their files."""

import contextlib
import os

from eventlab.stack import filesystem

END_QUERIES = "SPARK_CONNECT_RELEASE_SESSION_ON_EXIT"
"""With this variable, the streaming queries of a kernel end with it; otherwise the Spark server continues them."""


def empty_stream_folder(folder: str) -> None:
    """Stop the queries that write below a folder on HDFS, and delete it.

    From now on, this kernel's queries end with the kernel.
    """
    os.environ[END_QUERIES] = "true"
    _stop_queries(folder)
    filesystem.delete(folder)


def _stop_queries(folder: str) -> None:
    """Stop this kernel's streaming queries, and those of other kernels whose checkpoints are in a folder on HDFS.

    A query that continues would write to the folders of the new one. The queries of a kernel that was killed
    continue in Spark's server. To stop one of them, start a query with the same checkpoint: Spark then stops the
    earlier run.
    """
    from pyspark.sql import SparkSession

    if session := SparkSession.getActiveSession():
        with contextlib.suppress(Exception):  # its server may have ended
            for query in session.streams.active:
                query.stop()
    for name in filesystem.names(folder) if filesystem.exists(folder) else ():
        if filesystem.exists(f"{folder}/{name}/offsets"):
            rows = SparkSession.builder.getOrCreate().readStream.format("rate").load()
            writer = rows.writeStream.format("noop").option("checkpointLocation", f"{folder}/{name}")
            with contextlib.suppress(Exception):  # it fails, because the checkpoint belongs to another query
                writer.start().stop()
