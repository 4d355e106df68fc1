"""HDFS over its REST interface (WebHDFS): the few operations that need neither Java nor Spark.

https://hadoop.apache.org/docs/stable/hadoop-project-dist/hadoop-hdfs/WebHDFS.html
"""

from __future__ import annotations

import contextlib
from urllib.parse import quote

import httpx

from eventlab.settings import settings
from eventlab.stack.config import HDFS_USER

TIMEOUT_S = 30


class HdfsError(RuntimeError):
    """HDFS did not do what it was asked; the message is its own."""


def exists(path: str) -> bool:
    """Whether there is a file or folder at the path."""
    try:
        _ask("GET", path, "GETFILESTATUS")
    except FileNotFoundError:
        return False
    return True


def names(path: str) -> list[str]:
    """What a folder holds, in alphabetical order; FileNotFoundError when there is none."""
    return [status["pathSuffix"] for status in _ask("GET", path, "LISTSTATUS")["FileStatuses"]["FileStatus"]]


def delete(path: str) -> None:
    """Delete a file or folder, if it is there; HDFS away is for the caller's next step to tell."""
    with contextlib.suppress(HdfsError, FileNotFoundError):
        _ask("DELETE", path, "DELETE", recursive="true")


def replace(source: str, target: str) -> None:
    """Put `source` where `target` is. The old folder is moved aside first and comes back when that fails."""
    aside = f"{target.rstrip('/')}.{source[-12:-4]}.old"
    had_one = exists(target)
    if had_one:
        _rename(target, aside)
    try:
        _rename(source, target)
    except HdfsError:
        if had_one:
            _rename(aside, target)
        raise
    delete(aside)


def _rename(source: str, target: str) -> None:
    if not _ask("PUT", source, "RENAME", destination=target)["boolean"]:
        raise HdfsError(f"HDFS did not rename {source} to {target}")


def _ask(method: str, path: str, operation: str, **parameters: str) -> dict:
    url = f"{settings.webhdfs_url}/webhdfs/v1{quote(path)}"
    query = {"op": operation, "user.name": HDFS_USER, **parameters}
    try:
        answer = httpx.request(method, url, params=query, trust_env=False, timeout=TIMEOUT_S)
    except httpx.HTTPError as error:
        raise HdfsError(
            f"HDFS does not answer at {settings.webhdfs_url} ({error}). Start it: eventlab up"
        ) from error
    if answer.status_code == 404:
        raise FileNotFoundError(f"HDFS has no {path}")
    if answer.status_code != 200:
        raise HdfsError(f"HDFS refused {operation} of {path}: {answer.text}")
    return answer.json()
