"""Read and write files on HDFS over WebHDFS, with limits and without Java."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from eventlab.clients.hdfs import HdfsError, open_hdfs
from eventlab.errors import EventlabError, ServiceUnavailable
from eventlab.settings import settings

if TYPE_CHECKING:
    import pyarrow

MAX_DEPTH = 4
MAX_FILES = 500


class FileError(EventlabError):
    """HDFS does not have the file or cannot read it; the message is HDFS's."""


@dataclass(frozen=True)
class File:
    """A file below a folder: its relative path and its size in bytes."""

    path: str
    size: int


def walk(folder: str) -> Iterator[File]:
    """Yield the files in and below a folder."""
    with _file_errors(folder):
        for path, size in open_hdfs(settings).files(folder, MAX_DEPTH + 1):
            yield File(path, size)


def summary(path: str) -> dict[str, int]:
    """Return directoryCount, fileCount, length, quota and spaceQuota of a folder."""
    with _file_errors(path):
        return dict(open_hdfs(settings).content_summary(path))


def read(path: str, limit: int) -> bytes:
    """Return the first `limit` bytes of a file."""
    with _file_errors(path):
        return open_hdfs(settings).head(path, limit)


def write(path: str, content: bytes) -> None:
    """Create or replace a file and the folders above it."""
    with _file_errors(path):
        open_hdfs(settings).write(path, content)


def write_table(path: str, table: pyarrow.Table) -> None:
    """Write a Parquet folder as Spark does: a part file and `_SUCCESS`."""
    import pyarrow.parquet

    buffer = io.BytesIO()
    # Spark reads timestamps in microseconds only.
    pyarrow.parquet.write_table(table, buffer, coerce_timestamps="us")
    write(f"{path}/part-00000.snappy.parquet", buffer.getvalue())
    write(f"{path}/_SUCCESS", b"")


@contextmanager
def _file_errors(path: str) -> Iterator[None]:
    """Raise errors of HDFS as FileError."""
    try:
        yield
    except FileNotFoundError as error:
        raise FileError(f"HDFS has no {path}") from error
    except (HdfsError, ServiceUnavailable) as error:
        raise FileError(str(error)) from error
