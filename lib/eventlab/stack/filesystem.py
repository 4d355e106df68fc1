"""The file operations of the jobs: WebHDFS for the HDFS of the settings, Hadoop's FsShell for other systems.

WebHDFS needs no Java and answers in milliseconds. FsShell starts a Java process (1-2 s) and supports every file
system that Hadoop does. A path without a scheme belongs to the default file system.
"""

import contextlib
import re
import subprocess
from uuid import uuid4

from eventlab.clients.hdfs import HdfsError, open_hdfs
from eventlab.errors import EventlabError
from eventlab.settings import Settings, settings
from eventlab.stack import config, environment

SHELL_TIMEOUT_S = 300  # an object store renames a folder by copying it


def exists(path: str) -> bool:
    """Return whether a file or folder exists."""
    if not has_webhdfs(path):
        return _run_shell("-test", "-e", path).returncode == 0
    return open_hdfs(settings).exists(plain_path(path))


def names(path: str) -> list[str]:
    """Return the names of the entries of a folder in alphabetical order, or raise FileNotFoundError."""
    if has_webhdfs(path):
        entries = open_hdfs(settings).ls(plain_path(path))
    elif exists(path):
        entries = _shell("-ls", "-C", path).splitlines()
    else:
        raise FileNotFoundError(f"{path} does not exist")
    return sorted(entry.rpartition("/")[2] for entry in entries)


def delete(path: str) -> None:
    """Delete a file or folder with its content; ignore errors, which the caller's next request reports."""
    if has_webhdfs(path):
        with contextlib.suppress(EventlabError, FileNotFoundError):
            open_hdfs(settings).rm(plain_path(path), recursive=True)
    else:
        _run_shell("-rm", "-r", "-f", "-skipTrash", path)


def replace(source: str, target: str) -> None:
    """Rename `source` to `target`; an existing target is deleted at the end, and restored after a failure.

    Raises:
        HdfsError: Renaming failed; the message says where the old target is.
    """
    backup = f"{target.rstrip('/')}.{uuid4().hex[:8]}.old"
    had_target = exists(target)
    if had_target:
        _rename(target, backup)
    try:
        _rename(source, target)
    except (EventlabError, FileNotFoundError) as error:
        place = f"{target} is unchanged"
        if had_target:
            try:
                _rename(backup, target)
            except (EventlabError, FileNotFoundError):
                place = f"the old content of {target} is now at {backup}"
        raise HdfsError(f"{error}; {place}") from error
    delete(backup)


def has_webhdfs(path: str, settings: Settings = settings) -> bool:
    """Return whether the path is on the HDFS whose REST address the settings contain."""
    if settings.default_fs_url and not settings.webhdfs:
        return False
    default = settings.default_fs.rstrip("/")
    return default.startswith("hdfs://") and scheme_of(path) in (None, default)


def scheme_of(path: str) -> str | None:
    """Return the part of a path that names its file system, `scheme://authority` or `scheme:`, or None."""
    match = re.match(r"[A-Za-z][A-Za-z0-9+.-]*:(//[^/]*)?(?=/|$)", path)
    return match[0] if match else None


def plain_path(path: str) -> str:
    """Return a path without the name of its file system."""
    return path.removeprefix(scheme_of(path) or "")


def _rename(source: str, target: str) -> None:
    if has_webhdfs(source):
        open_hdfs(settings).rename(plain_path(source), plain_path(target))
    else:
        _shell("-mv", source, target)


def _shell(*arguments: str) -> str:
    """Run `hadoop fs` and return its output, or raise HdfsError with its message."""
    result = _run_shell(*arguments)
    if result.returncode:
        raise HdfsError(result.stderr.strip() or f"hadoop fs {' '.join(arguments)} failed")
    return result.stdout


def _run_shell(*arguments: str) -> subprocess.CompletedProcess[str]:
    config.render(settings)
    return subprocess.run(
        [environment.BIN_FOLDER / "hadoop", "fs", *arguments],
        env=environment.full(settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SHELL_TIMEOUT_S,
    )
