"""The file operations of the jobs: WebHDFS for the HDFS of the settings, Hadoop's FsShell for other systems.

WebHDFS needs no Java and answers in milliseconds. FsShell starts a Java process (1-2 s) and supports every file
system that Hadoop does. A path without a scheme belongs to the default file system.
"""

import contextlib
import logging
import re
import subprocess
from uuid import uuid4

from eventlab.clients.hdfs import HdfsError, open_hdfs
from eventlab.errors import EventlabError
from eventlab.settings import Settings, settings
from eventlab.stack import config, environment

logger = logging.getLogger(__name__)

SHELL_TIMEOUT_S = 300  # an object store renames a folder by copying it


def exists(path: str, settings: Settings = settings) -> bool:
    """Return whether a file or folder exists."""
    if not has_webhdfs(path, settings):
        return _run_shell(settings, "-test", "-e", path).returncode == 0
    return open_hdfs(settings).exists(plain_path(path))


def names(path: str, settings: Settings = settings) -> list[str]:
    """Return the names of the entries of a folder in alphabetical order, or raise FileNotFoundError."""
    if has_webhdfs(path, settings):
        entries = open_hdfs(settings).ls(plain_path(path))
    elif exists(path, settings):
        entries = _shell(settings, "-ls", "-C", path).splitlines()
    else:
        raise FileNotFoundError(f"{path} does not exist")
    return sorted(entry.rpartition("/")[2] for entry in entries)


def delete(path: str, settings: Settings = settings) -> None:
    """Delete a file or folder with its content; ignore errors, which the caller's next request reports."""
    logger.debug("deleting %s", path)
    if has_webhdfs(path, settings):
        with contextlib.suppress(EventlabError, FileNotFoundError):
            open_hdfs(settings).rm(plain_path(path), recursive=True)
    else:
        _run_shell(settings, "-rm", "-r", "-f", "-skipTrash", path)


def replace(source: str, target: str, settings: Settings = settings) -> None:
    """Rename `source` to `target`; an existing target is deleted at the end, and restored after a failure.

    Raises:
        HdfsError: Renaming failed; the message says where the old target is.
    """
    backup = f"{target.rstrip('/')}.{uuid4().hex[:8]}.old"
    had_target = exists(target, settings)
    if had_target:
        _rename(settings, target, backup)
    try:
        _rename(settings, source, target)
    except (EventlabError, FileNotFoundError) as error:
        place = f"{target} is unchanged"
        if had_target:
            try:
                _rename(settings, backup, target)
            except (EventlabError, FileNotFoundError):
                place = f"the old content of {target} is now at {backup}"
        raise HdfsError(f"{error}; {place}") from error
    delete(backup, settings)


def has_webhdfs(path: str, settings: Settings = settings) -> bool:
    """Return whether the path is on the HDFS whose REST address the settings contain."""
    if settings.external_default_fs and not settings.external_webhdfs_url:
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


def _rename(settings: Settings, source: str, target: str) -> None:
    logger.info("renaming %s to %s", source, target)
    if has_webhdfs(source, settings):
        open_hdfs(settings).rename(plain_path(source), plain_path(target))
    else:
        _shell(settings, "-mv", source, target)


def _shell(settings: Settings, *arguments: str) -> str:
    """Run `hadoop fs` and return its output, or raise HdfsError with its message."""
    result = _run_shell(settings, *arguments)
    if result.returncode:
        raise HdfsError(result.stderr.strip() or f"hadoop fs {' '.join(arguments)} failed")
    return result.stdout


def _run_shell(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    logger.info("running hadoop fs %s", " ".join(arguments))
    config.render(settings)
    return subprocess.run(
        [environment.BIN_FOLDER / "hadoop", "fs", *arguments],
        env=environment.full(settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SHELL_TIMEOUT_S,
    )
