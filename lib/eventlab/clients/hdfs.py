"""Files as the jobs see them: HDFS over its REST interface (WebHDFS), any other file system over Hadoop's shell.

WebHDFS needs neither Java nor Spark and answers in milliseconds; FsShell costs a Java start (1-2 s) and knows
every file system that Hadoop does. A path without a scheme is on the default file system.

https://hadoop.apache.org/docs/stable/hadoop-project-dist/hadoop-hdfs/WebHDFS.html
"""

from __future__ import annotations

import contextlib
import re
import subprocess
from urllib.parse import quote
from uuid import uuid4

import httpx

from eventlab.clients import http
from eventlab.settings import Settings, settings
from eventlab.stack import config, environment
from eventlab.stack.config import HDFS_USER

TIMEOUT_S = 30
SHELL_TIMEOUT_S = 300
"""An object store renames a folder by copying it."""


class HdfsError(RuntimeError):
    """The file system did not do what it was asked; the message is its own."""


def exists(path: str) -> bool:
    """Whether there is a file or folder at the path."""
    if not has_webhdfs(path):
        return _shell("-test", "-e", path).returncode == 0
    try:
        _ask("GET", path, "GETFILESTATUS")
    except FileNotFoundError:
        return False
    return True


def names(path: str) -> list[str]:
    """What a folder holds, in alphabetical order; FileNotFoundError when there is none."""
    if not has_webhdfs(path):
        if not exists(path):
            raise FileNotFoundError(f"there is no {path}")
        return sorted(line.rpartition("/")[2] for line in _done("-ls", "-C", path).splitlines())
    return [status["pathSuffix"] for status in _ask("GET", path, "LISTSTATUS")["FileStatuses"]["FileStatus"]]


def delete(path: str) -> None:
    """Delete a file or folder, if it is there; one that is away is for the caller's next step to tell."""
    if not has_webhdfs(path):
        _shell("-rm", "-r", "-f", "-skipTrash", path)
        return
    with contextlib.suppress(HdfsError, FileNotFoundError):
        _ask("DELETE", path, "DELETE", recursive="true")


def replace(source: str, target: str) -> None:
    """Put `source` where `target` is; HdfsError says where the old one is then.

    The old one is moved aside first, and back when `source` does not take its place.
    """
    aside = f"{target.rstrip('/')}.{uuid4().hex[:8]}.old"
    had_one = exists(target)
    if had_one:
        _rename(target, aside)
    try:
        _rename(source, target)
    except (HdfsError, FileNotFoundError) as error:
        where = f"{target} stays as it was"
        if had_one:
            try:
                _rename(aside, target)
            except (HdfsError, FileNotFoundError):
                where = f"what was at {target} is now at {aside}"
        raise HdfsError(f"{error}; {where}") from error
    delete(aside)


def has_webhdfs(path: str, settings: Settings = settings) -> bool:
    """Whether the path is on the HDFS whose REST address the settings have."""
    if settings.default_fs_url and not settings.webhdfs:
        return False
    default = settings.default_fs.rstrip("/")
    return default.startswith("hdfs://") and file_system(path) in (None, default)


def file_system(path: str) -> str | None:
    """The part of a path that names its file system, `scheme://authority` or `scheme:`; None when it has none."""
    found = re.match(r"[A-Za-z][A-Za-z0-9+.-]*:(//[^/]*)?(?=/|$)", path)
    return found[0] if found else None


def _rename(source: str, target: str) -> None:
    if not has_webhdfs(source):
        _done("-mv", source, target)
    elif not _ask("PUT", source, "RENAME", destination=_path(target))["boolean"]:
        raise HdfsError(f"HDFS did not rename {source} to {target}")


def _path(path: str) -> str:
    return path.removeprefix(file_system(path) or "")


def _done(*words: str) -> str:
    done = _shell(*words)
    if done.returncode:
        raise HdfsError(done.stderr.strip() or f"hadoop fs {' '.join(words)} failed")
    return done.stdout


def _shell(*words: str) -> subprocess.CompletedProcess[str]:
    config.render(settings)
    return subprocess.run(
        [environment.COMMANDS / "hadoop", "fs", *words],
        env=environment.full(settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SHELL_TIMEOUT_S,
    )


def _ask(method: str, path: str, operation: str, **parameters: str) -> dict:
    url = f"{settings.webhdfs_url}/webhdfs/v1{quote(_path(path))}"
    query = {"op": operation, "user.name": HDFS_USER, **parameters}
    try:
        answer = http.request(method, url, TIMEOUT_S, params=query)
    except httpx.HTTPError as error:
        raise HdfsError(
            f"HDFS does not answer at {settings.webhdfs_url} ({error}). Start it: eventlab up"
        ) from error
    if answer.status_code == 404:
        raise FileNotFoundError(f"HDFS has no {path}")
    if answer.status_code != 200:
        raise HdfsError(f"HDFS refused {operation} of {path}: {answer.text}")
    return answer.json()
