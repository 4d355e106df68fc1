"""Explains paths in failed commands of `hadoop fs`: a path that is missing, exists already, or is a folder."""

import posixpath
import re
from collections.abc import Callable
from pathlib import Path

from eventlab.clients.hdfs import open_hdfs
from eventlab.explain import hdfs
from eventlab.explain.explanation import REPLACE_LINE, Explain, Explanation
from eventlab.explain.failed_cell import FailedCell
from eventlab.explain.shell import Command, commands, is_failed_command
from eventlab.settings import Settings
from eventlab.stack import filesystem

READING = ("-ls", "-cat", "-tail", "-get", "-copyToLocal", "-rm", "-du", "-text", "-head", "-count", "-cp", "-mv")


def path_of_command(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a path of `hadoop fs` does not exist, exists already, or is a folder.

    Remedy: The line with the nearest path, or with the option `-f`, `-p` or `-r`.
    """
    for command in commands(cell) if is_failed_command(cell) else ():
        if command[0] not in ("hadoop", "hdfs") or len(command) < 4 or command[1] not in ("fs", "dfs"):
            continue
        verb, paths = command[2], [word for word in command[3:] if not word.startswith("-")]
        if not paths or any(re.search(r"[{}$*?]", path) for path in paths):
            continue
        check = CHECKS_OF_PATHS.get(verb) or (_missing if verb in READING else None)
        if check and (explanation := check(cell, command, paths, settings)):
            return explanation
    return None


def _missing(cell: FailedCell, command: Command, paths: list[str], settings: Settings) -> Explanation | None:
    """Explain the first of the paths that does not exist."""
    sources = paths[:1] if command[2] in ("-cp", "-mv", "-get", "-copyToLocal") else paths
    found = (hdfs.explain_missing(cell, path, settings) for path in sources)
    return next(filter(None, found), None)


def _put(cell: FailedCell, command: Command, paths: list[str], settings: Settings) -> Explanation | None:
    """Explain that the target of `-put` exists."""
    existing = paths[-1]
    if "-f" in command or not filesystem.has_webhdfs(existing, settings) or not Path(paths[0]).exists():
        return None
    if _is_folder(existing, settings):
        existing = posixpath.join(existing, posixpath.basename(paths[0]))
    if not filesystem.exists(existing, settings):
        return None
    what = f"{existing} exists on HDFS. With -f, {command[2]} replaces it."
    return _with_option(cell, command[2], "-f", what, f"the NameNode at {settings.default_fs} has {existing}")


def _mkdir(cell: FailedCell, command: Command, paths: list[str], settings: Settings) -> Explanation | None:
    """Explain that the folder of `-mkdir` exists, or that the folder above it does not."""
    for path in paths if "-p" not in command else ():
        if filesystem.exists(path, settings):
            what, state = f"{path} exists on HDFS. With -p, -mkdir accepts that.", "has"
        elif not filesystem.exists(posixpath.dirname(path.rstrip("/")) or "/", settings):
            what, state = (
                f"The folder above {path} does not exist. With -p, -mkdir creates it too.",
                "does not have",
            )
        else:
            continue
        return _with_option(cell, "-mkdir", "-p", what, f"the NameNode at {settings.default_fs} {state} {path}")
    return None


def _rm(cell: FailedCell, command: Command, paths: list[str], settings: Settings) -> Explanation | None:
    """Explain that `-rm` does not delete folders."""
    for path in paths if not {"-r", "-R"} & set(command) else ():
        if filesystem.exists(path, settings) and _is_folder(path, settings):
            entries = filesystem.names(path, settings)
            what = f"{path} is a folder on HDFS. -rm deletes folders only with -r."
            proof = f"the NameNode says that it contains: {', '.join(entries[:6]) or 'nothing'}"
            return _with_option(cell, "-rm", "-r", what, proof)
    return _missing(cell, command, paths, settings)


PathCheck = Callable[[FailedCell, Command, list[str], Settings], Explanation | None]
CHECKS_OF_PATHS: dict[str, PathCheck] = {"-put": _put, "-copyFromLocal": _put, "-mkdir": _mkdir, "-rm": _rm}


def _with_option(cell: FailedCell, verb: str, option: str, what: str, proof: str) -> Explanation | None:
    """Explain with the line of the command that has one more option."""
    line = cell.corrected_line(verb, f"{verb} {option}")
    return Explanation(what, proof, line, REPLACE_LINE) if line else None


def _is_folder(path: str, settings: Settings) -> bool:
    """Return whether a path is a folder on HDFS."""
    plain = filesystem.plain_path(path)
    return filesystem.exists(path, settings) and open_hdfs(settings).info(plain)["type"] == "directory"


EXPLANATIONS: list[Explain] = [path_of_command]
