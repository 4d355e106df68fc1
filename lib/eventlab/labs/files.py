"""Files on HDFS over WebHDFS, to look at and to put there: no Java, no Spark, and never more than a bound."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

import httpx

from eventlab.clients import http
from eventlab.settings import settings
from eventlab.stack.config import HDFS_USER

if TYPE_CHECKING:
    import pyarrow

TIMEOUT_S = 30
DEEPEST = 4
MOST_FILES = 500


class FileError(RuntimeError):
    """HDFS does not have it, or not as it should be; the message says what was found."""


@dataclass(frozen=True)
class File:
    """A file below a folder: its path from there, and its bytes."""

    path: str
    size: int


def walk(folder: str, below: str = "", depth: int = 0) -> Iterator[File]:
    """The files in and below a folder, in alphabetical order; FileError when there is no such folder."""
    answer = _ask("GET", f"{folder}/{below}".rstrip("/"), "LISTSTATUS")
    for status in answer.json()["FileStatuses"]["FileStatus"]:
        path = f"{below}{status['pathSuffix']}"
        if status["type"] == "FILE":
            yield File(path, status["length"])
        elif depth < DEEPEST:
            yield from walk(folder, f"{path}/", depth + 1)


def summary(path: str) -> dict[str, int]:
    """Of all that is in and below a folder: directoryCount, fileCount, length, quota, spaceQuota."""
    return _ask("GET", path, "GETCONTENTSUMMARY").json()["ContentSummary"]


def modes(folder: str) -> dict[str, str]:
    """What a folder holds, by name, with each one's owner and permissions; "" is the folder itself."""
    own = _ask("GET", folder, "GETFILESTATUS").json()["FileStatus"]
    inside = _ask("GET", folder, "LISTSTATUS").json()["FileStatuses"]["FileStatus"]
    every = [("", own), *((status["pathSuffix"], status) for status in inside)]
    return {name: f"{status['owner']}:{status['group']} {status['permission']}" for name, status in every}


def read(path: str, limit: int) -> bytes:
    """A file's bytes, `limit` of them at most."""
    return _ask("GET", path, "OPEN", length=str(limit)).content[:limit]


def write(path: str, content: bytes) -> None:
    """Make, or replace, a file and the folders that it is in."""
    _ask("PUT", path, "CREATE", content, overwrite="true")


def write_table(path: str, table: pyarrow.Table) -> None:
    """A Parquet folder as Spark leaves one: a part file and `_SUCCESS`."""
    import pyarrow.parquet

    buffer = io.BytesIO()
    # Spark reads timestamps in microseconds only.
    pyarrow.parquet.write_table(table, buffer, coerce_timestamps="us")
    write(f"{path}/part-00000.snappy.parquet", buffer.getvalue())
    write(f"{path}/_SUCCESS", b"")


def _ask(
    method: str, path: str, operation: str, content: bytes | None = None, **parameters: str
) -> httpx.Response:
    """The answer, redirects to the DataNode followed."""
    url = f"{settings.webhdfs_url}/webhdfs/v1{quote(path)}"
    query = {"op": operation, "user.name": HDFS_USER, **parameters}
    try:
        with http.client(TIMEOUT_S) as client:
            answer = client.request(method, url, params=query)
            if answer.is_redirect:
                answer = client.request(method, answer.headers["Location"], content=content)
    except httpx.HTTPError as error:
        raise FileError(
            f"HDFS does not answer at {settings.webhdfs_url} ({error}). Start it: eventlab up"
        ) from error
    if answer.status_code == 404:
        raise FileError(f"HDFS has no {path}")
    if answer.status_code not in (200, 201):
        raise FileError(f"HDFS refused {operation} of {path}: {answer.text[:200]}")
    return answer
