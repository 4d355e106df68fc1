"""Folders on HDFS that belong to Spark: the checkpoint of a streaming query, and the output of a query."""

import contextlib
import re

from eventlab.clients.hdfs import open_hdfs
from eventlab.clients.stream_checkpoint import Checkpoint, read_checkpoint
from eventlab.settings import Settings
from eventlab.stack import filesystem

OF_SPARK = re.compile(r"part-|[_.]|[\w%-]+=|(?:checkpoint|commits|metadata|offsets|sinks|sources|state)$")
"""The names of what Spark writes into a folder of its own; `host=a` is the folder of a partition."""


def has_only_files_of_spark(folder: str, settings: Settings) -> bool:
    """Return whether a folder contains only what Spark writes there: deleting it deletes nothing else."""
    return all(OF_SPARK.match(name) for name in filesystem.names(folder, settings))


def free_folder(begin: str, settings: Settings, first: int = 1) -> str:
    """Return the first path that does not exist on HDFS: the begin and a number."""
    return next(path for n in range(first, 1000) if not filesystem.exists(path := f"{begin}{n}", settings))


def checkpoint_in(folder: str, settings: Settings) -> Checkpoint | None:
    """Return the checkpoint in a folder on HDFS, or None if there is none."""
    if not folder or not filesystem.has_webhdfs(folder, settings):
        return None
    hdfs = open_hdfs(settings)

    def list_folder(path: str) -> list[str]:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            return filesystem.names(path, settings)
        return []

    return read_checkpoint(filesystem.plain_path(folder), list_folder, lambda path: hdfs.cat_file(path).decode())
