"""Explains paths in failed commands of `hadoop fs`: a path that is missing, exists already, or is a folder."""

import posixpath
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from eventlab.clients.hdfs import open_hdfs
from eventlab.explain import hdfs
from eventlab.explain.explanation import REPLACE_LINE, Explain, Explanation, correction
from eventlab.explain.failed_cell import FailedCell, close_matches
from eventlab.explain.shell_words import Command, failed_commands, is_failed_command, must_have_failed
from eventlab.settings import HDFS_USER, Settings
from eventlab.stack import filesystem

HOME = f"/user/{HDFS_USER}"
READING = "-ls -lsr -cat -tail -get -copyToLocal -du -dus -text -head -count -cp -mv -rm -rmr"
DELETING = ("-rm", "-rmr", "-rmdir")
CHANGING = ("-rmr", "-mkdir", "-put", "-copyFromLocal", "-rm", "-rmdir", "-mv", "-touchz")


def path_of_command(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a path of `hadoop fs` does not exist, exists already, is a folder, or is not empty.

    Remedy: The line with the nearest path, with the option `-f`, `-p` or `-r`, or with another command.
    """
    for command in failed_commands(cell, r"(hadoop|hdfs)$") if is_failed_command(cell) else ():
        if len(command) < 3 or command[1] not in ("fs", "dfs"):
            continue
        verb, paths = command[2], [word for word in command[3:] if not word.startswith("-")]
        if any(re.search(r"[{}$*?]", path) for path in paths):
            continue
        if verb in CHANGING and not must_have_failed(cell):
            continue  # what it would have changed is the same when it has worked
        if not paths:
            return _no_home(settings) if verb == "-ls" else None
        check = CHECKS_OF_PATHS.get(verb) or (_missing if verb in READING.split() else None)
        if check and (explanation := check(cell, command, paths, settings)):
            return explanation
    return None


def _no_home(settings: Settings) -> Explanation | None:
    """Explain that `hadoop fs -ls` without a path lists the home folder, which does not exist."""
    if filesystem.exists(HOME, settings):
        return None
    return Explanation(
        f"Without a path, -ls lists your home folder on HDFS, {HOME}, which does not exist.",
        f"/user on {settings.default_fs} contains: {', '.join(_names('/user', settings)) or 'nothing'}",
        f"!hadoop fs -mkdir -p {HOME}",
        "To list all of HDFS, write / after -ls. To create the folder, run this",
    )


def _names(folder: str, settings: Settings) -> list[str]:
    return filesystem.names(folder, settings)[:6] if filesystem.exists(folder, settings) else []


def _absolute(path: str) -> str:
    """Return a path as HDFS understands it: one without a slash at its start is in the home folder."""
    return path if path.startswith("/") or "://" in path else posixpath.join(HOME, path)


def _missing(cell: FailedCell, command: Command, paths: list[str], settings: Settings) -> Explanation | None:
    """Explain the first of the paths that does not exist; a command may have deleted or moved the others."""
    sources = (paths[:-1] or paths) if command[2] in ("-cp", "-mv", "-get", "-copyToLocal") else paths
    missing = [path for path in sources if not filesystem.exists(_absolute(path), settings)]
    if len(missing) > 1 and command[2] in CHANGING:
        what = "At least one of these paths did not exist. -rm deleted the others. "
        what += "With -f, it accepts missing paths."
        proof = f"the NameNode at {settings.default_fs} has none of {', '.join(missing)} now"
        return _with_option(cell, "-rm", "-f", what, proof) if command[2] == "-rm" else None
    for path in missing:
        if command[2] in DELETING:
            return _nothing_to_delete(cell, command, path, settings)
        if path != _absolute(path):
            what = f"HDFS has no {_absolute(path)}. A path without / at its start is in your home folder."
            home = f"{HOME} contains: {', '.join(_names(HOME, settings)) or 'nothing'}"
            if filesystem.exists(f"/{path}", settings):
                proof = f"{home}; /{path} exists"
                return correction(cell, path, f"/{path}", f"{what} Did you mean /{path}?", proof)
            return Explanation(what, home, "!hadoop fs -ls /", "To see the paths that exist, run this")
        if explanation := hdfs.explain_missing(cell, _absolute(path), settings):
            return explanation
    return None


def _nothing_to_delete(cell: FailedCell, command: Command, path: str, settings: Settings) -> Explanation | None:
    """Explain that a path to delete does not exist. No command deletes another path: it may be the wrong one."""
    if not filesystem.has_webhdfs(_absolute(path), settings):
        return None
    what = f"HDFS has no {_absolute(path)}, so there is nothing to delete."
    what += " A path without / at its start is in your home folder." if path != _absolute(path) else ""
    parent, _, proof = hdfs.nearest(filesystem.plain_path(_absolute(path)), settings)
    if path != _absolute(path) and filesystem.exists(f"/{path}", settings):
        what += f" /{path} is another path, and it exists."
        instruction = "To see what it contains before you delete it, run this"
        return Explanation(what, proof, f"!hadoop fs -ls /{path}", instruction)
    if command[2] == "-rm":
        return _with_option(cell, "-rm", "-f", f"{what} With -f, -rm accepts missing paths.", proof)
    return Explanation(what, proof, f"!hadoop fs -ls {parent}", "To see the paths that exist, run this")


def _put(cell: FailedCell, command: Command, paths: list[str], settings: Settings) -> Explanation | None:
    """Explain that the file of `-put` does not exist here, or that its target exists on HDFS."""
    existing = _absolute(paths[-1])
    if not filesystem.has_webhdfs(existing, settings):
        return None
    if not Path(paths[0]).exists():
        changes_folder = re.search(r"\bcd\b", cell.shell_commands)  # then a relative path is another file
        what = f"There is no file {paths[0]} on this machine. -put copies a file from here to HDFS."
        return None if changes_folder or paths[0] == "-" else no_local_file(cell, paths[0], what)
    if "-f" in command:
        return None
    if _is_folder(existing, settings):
        existing = posixpath.join(existing, posixpath.basename(paths[0]))
    if not filesystem.exists(existing, settings):
        return None
    what = f"{existing} exists on HDFS. With -f, {command[2]} replaces it."
    return _with_option(cell, command[2], "-f", what, f"the NameNode at {settings.default_fs} has {existing}")


def no_local_file(cell: FailedCell, path: str, what: str, pattern: str = "*") -> Explanation | None:
    """Explain that there is no such file on this machine; name the nearest one of its folder."""
    folder = Path(path).absolute().parent
    entries = sorted(entry.name for entry in folder.glob(pattern))
    proof = f"{folder} contains: {', '.join(entries[:12]) or 'nothing'}"
    for similar in close_matches(Path(path).name, entries)[:1]:
        nearest = posixpath.join(posixpath.dirname(path), similar)
        if explanation := correction(cell, path, nearest, f"{what} Did you mean {nearest}?", proof):
            return explanation
    return Explanation(what, proof, f"!ls {folder}", "To see the files that exist, run this")


def _mkdir(cell: FailedCell, command: Command, paths: list[str], settings: Settings) -> Explanation | None:
    """Explain that the folder of `-mkdir` exists, or that the folder above it does not."""
    for path in map(_absolute, paths if "-p" not in command else ()):
        above = posixpath.dirname(path.rstrip("/")) or "/"
        if filesystem.exists(path, settings):
            what, proof = f"{path} exists on HDFS. With -p, -mkdir accepts that.", f"has {path}"
        elif not filesystem.exists(above, settings):
            what = f"The folder above {path} does not exist. With -p, -mkdir creates it too."
            proof = f"does not have {above}"
            similar = _without_slash(cell, paths, settings) or _similar_folder(cell, path, above, settings)
            if similar:
                return similar
        else:
            continue
        return _with_option(cell, "-mkdir", "-p", what, f"the NameNode at {settings.default_fs} {proof}")
    return None


def _without_slash(cell: FailedCell, paths: list[str], settings: Settings) -> Explanation | None:
    """Explain that a path without a slash at its start is in the home folder, while `/` has its first folder."""
    for path in [path for path in paths if path == path.lstrip("/") and "://" not in path]:
        first = f"/{path.partition('/')[0]}"
        if filesystem.exists(first, settings) and not filesystem.exists(f"{HOME}{first}", settings):
            what = f"A path without / at its start is in your home folder, {HOME}. Did you mean /{path}?"
            proof = f"the NameNode at {settings.default_fs} has {first}, and does not have {HOME}{first}"
            return correction(cell, path, f"/{path}", what, proof)
    return None


def _similar_folder(cell: FailedCell, path: str, above: str, settings: Settings) -> Explanation | None:
    """Explain that the folder above a path does not exist, but one of a similar name does."""
    _, similar, proof = hdfs.nearest(above, settings)
    if not similar:
        return None
    what = f"HDFS has no folder {above}. Did you mean {similar}? If you want a new folder {above}, write "
    what += "-mkdir -p, which creates it too."
    return correction(cell, path, similar + path.removeprefix(above), what, proof)


def _rm(cell: FailedCell, command: Command, paths: list[str], settings: Settings) -> Explanation | None:
    """Explain that `-rm` does not delete folders."""
    for path in _folders(paths, settings) if not {"-r", "-R"} & set(command) else ():
        what = f"{path} is a folder on HDFS. -rm deletes folders only with -r."
        return _with_option(cell, "-rm", "-r", what, _content(path, settings))
    return _missing(cell, command, paths, settings)


def _print(cell: FailedCell, command: Command, paths: list[str], settings: Settings) -> Explanation | None:
    """Explain that commands which print a file cannot print a folder."""
    for path in _folders(paths, settings):
        if any(word.startswith("-") for word in command[3:]):
            return None  # -ls has other options
        what = f"{path} is a folder on HDFS. {command[2]} prints files, and -ls lists a folder."
        return correction(cell, command[2], "-ls", what, _content(path, settings))
    return _missing(cell, command, paths, settings)


def _rmdir(cell: FailedCell, command: Command, paths: list[str], settings: Settings) -> Explanation | None:
    """Explain that `-rmdir` deletes only empty folders."""
    for path in map(_absolute, paths):
        if _is_folder(path, settings) and _names(path, settings):
            what = f"{path} is not empty, and -rmdir deletes only empty folders. -rm -r also deletes the content."
            return correction(cell, "-rmdir", "-rm -r", what, _content(path, settings))
        if filesystem.exists(path, settings) and not _is_folder(path, settings):
            what = f"{path} is a file. -rm deletes it."
            return correction(cell, "-rmdir", "-rm", what, f"the NameNode says that {path} is a file")
    return _missing(cell, command, paths, settings)


PathCheck = Callable[[FailedCell, Command, list[str], Settings], Explanation | None]
CHECKS_OF_PATHS: dict[str, PathCheck] = {"-put": _put, "-copyFromLocal": _put, "-mkdir": _mkdir, "-rm": _rm}
CHECKS_OF_PATHS |= {"-rmdir": _rmdir} | dict.fromkeys(("-cat", "-text", "-tail", "-head"), _print)


def _with_option(cell: FailedCell, verb: str, option: str, what: str, proof: str) -> Explanation | None:
    """Explain with the line of the command that has one more option."""
    line = cell.corrected_line(verb, f"{verb} {option}")
    return Explanation(what, proof, line, REPLACE_LINE) if line else None


def _folders(paths: list[str], settings: Settings) -> Iterator[str]:
    """Yield the absolute paths that are folders on HDFS."""
    return (path for path in map(_absolute, paths) if _is_folder(path, settings))


def _content(folder: str, settings: Settings) -> str:
    return f"the NameNode says that it contains: {', '.join(_names(folder, settings)) or 'nothing'}"


def _is_folder(path: str, settings: Settings) -> bool:
    """Return whether a path is a folder on HDFS."""
    plain = filesystem.plain_path(path)
    return filesystem.exists(path, settings) and open_hdfs(settings).info(plain)["type"] == "directory"


EXPLANATIONS: list[Explain] = [path_of_command]
