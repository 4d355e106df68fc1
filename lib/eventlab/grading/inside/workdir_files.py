"""Reading and writing files of a student's folder without following links or leaving the folder."""

from __future__ import annotations

import base64
import contextlib
import errno
import json
import os
import stat
from pathlib import Path

MAX_FILES, MAX_FILE_BYTES, MAX_BYTES = 1000, 1024 * 1024, 16 * 1024 * 1024
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EIO)


def write_all(folder: int, source: str, uid: int) -> None:
    """Write the files of a JSON file below an open folder.

    A file whose name the folder refuses is left out. Afterwards the JSON file does not exist any more, or has
    the ending `.full` when there was no room for all files: by this the worker sees what was done.
    """
    files = json.loads(Path(source).read_text())
    is_full = False
    for name, content in files.items():
        try:
            write_below(folder, name, base64.b64decode(content), uid)
        except OSError as error:
            is_full |= error.errno in NO_ROOM
    if is_full:
        os.rename(source, f"{source}.full")
    else:
        os.unlink(source)


def write_below(folder: int, name: str, content: bytes, uid: int) -> None:
    """Write a file below an open folder; a name that leads out of the folder is ignored."""
    parts = [part for part in name.split("/") if part]
    if not parts or ".." in parts:
        return
    opened = [os.dup(folder)]
    try:
        for part in parts[:-1]:
            with contextlib.suppress(FileExistsError):
                os.mkdir(part, dir_fd=opened[-1])
                own(part, opened[-1], uid)
            opened.append(os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=opened[-1]))
        with contextlib.suppress(OSError):
            os.unlink(parts[-1], dir_fd=opened[-1])
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with os.fdopen(os.open(parts[-1], flags, 0o644, dir_fd=opened[-1]), "wb") as file:
            file.write(content)
        own(parts[-1], opened[-1], uid)
    finally:
        for descriptor in opened:
            os.close(descriptor)


def own(name: str, folder: int, uid: int) -> None:
    """Give a file to the student's user, when this process is root."""
    if os.geteuid() == 0 and uid:
        os.chown(name, uid, uid, dir_fd=folder, follow_symlinks=False)


def plain_files(folder: int) -> dict[str, str]:
    """Return the regular files of a folder as base64, by name; large ones and links are left out.

    Programs come first: data that a notebook writes must not take the place of a job.
    """
    found: dict[str, str] = {}
    remaining = MAX_BYTES
    names = sorted(os.listdir(folder), key=lambda name: (not name.endswith(".py"), name))
    for name in names[:MAX_FILES]:
        with contextlib.suppress(OSError, UnicodeError):
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
            with os.fdopen(os.open(name, flags, dir_fd=folder), "rb") as file:
                facts = os.fstat(file.fileno())
                if stat.S_ISREG(facts.st_mode) and facts.st_size <= min(MAX_FILE_BYTES, remaining):
                    name.encode()
                    remaining -= facts.st_size
                    found[name] = base64.b64encode(file.read(MAX_FILE_BYTES)).decode()
    return found
