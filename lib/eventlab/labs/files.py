"""Files on HDFS over WebHDFS, to look at and to put there: no Java, no Spark, and never more than a bound."""

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

DEEPEST = 4
MOST_FILES = 500


class FileError(EventlabError):
    """HDFS does not have it, or not as it should be; the message says what was found."""


@dataclass(frozen=True)
class File:
    """A file below a folder: its path from there, and its bytes."""

    path: str
    size: int


def walk(folder: str) -> Iterator[File]:
    """The files in and below a folder; FileError when there is no such folder."""
    with _file_errors(folder):
        for path, size in open_hdfs(settings).files(folder, DEEPEST + 1):
            yield File(path, size)


def summary(path: str) -> dict[str, int]:
    """Of all that is in and below a folder: directoryCount, fileCount, length, quota, spaceQuota."""
    with _file_errors(path):
        return dict(open_hdfs(settings).content_summary(path))


def modes(folder: str) -> dict[str, str]:
    """What a folder holds, by name, with each one's owner and permissions; "" is the folder itself."""
    with _file_errors(folder):
        hdfs = open_hdfs(settings)
        every = [hdfs.info(folder) | {"pathSuffix": ""}, *hdfs.ls(folder, detail=True)]
    return {entry["pathSuffix"]: f"{entry['owner']}:{entry['group']} {entry['permission']}" for entry in every}


def read(path: str, limit: int) -> bytes:
    """A file's bytes, `limit` of them at most."""
    with _file_errors(path):
        return open_hdfs(settings).head(path, limit)


def write(path: str, content: bytes) -> None:
    """Make, or replace, a file and the folders that it is in."""
    with _file_errors(path):
        open_hdfs(settings).write(path, content)


def write_table(path: str, table: pyarrow.Table) -> None:
    """A Parquet folder as Spark leaves one: a part file and `_SUCCESS`."""
    import pyarrow.parquet

    buffer = io.BytesIO()
    # Spark reads timestamps in microseconds only.
    pyarrow.parquet.write_table(table, buffer, coerce_timestamps="us")
    write(f"{path}/part-00000.snappy.parquet", buffer.getvalue())
    write(f"{path}/_SUCCESS", b"")


@contextmanager
def _file_errors(path: str) -> Iterator[None]:
    """HDFS's refusals and silence as FileError."""
    try:
        yield
    except FileNotFoundError as error:
        raise FileError(f"HDFS has no {path}") from error
    except (HdfsError, ServiceUnavailable) as error:
        raise FileError(str(error)) from error
