"""Temporary folders of a grader, and the deletion of those that a killed grader has left."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from eventlab.files import delete_folder

RUN, OTHERS = "eg", "eventlab-"
"""How the names of the folders begin. That of a worker is short, because the path of a socket is limited."""
LOCK = ".eventlab-grader.lock"


@contextlib.contextmanager
def temporary(prefix: str) -> Iterator[tuple[Path, int]]:
    """Create a folder and delete it afterwards.

    Yield the folder and the descriptor of its lock. As long as this process runs, or one that has inherited the
    descriptor, nobody else deletes the folder.
    """
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    try:
        with (folder / f"{LOCK}.new").open("w") as lock:
            with contextlib.suppress(OSError):  # some file systems have no locks: then nobody else deletes it
                fcntl.flock(lock, fcntl.LOCK_EX)
                os.rename(lock.name, folder / LOCK)  # under this name it is locked from the beginning
            yield folder, lock.fileno()
    finally:
        _delete(folder)


def delete_abandoned() -> None:
    """Delete the folders of this user's graders that were killed, or lost their terminal."""
    found: list[Path] = []
    with contextlib.suppress(OSError):  # no folder for temporary files can be used, or read
        temporary_files = Path(tempfile.gettempdir())
        found = [path for prefix in (RUN, OTHERS) for path in temporary_files.glob(f"{prefix}*")]
    for folder in found:
        with contextlib.suppress(OSError), contextlib.ExitStack() as opened:  # also: the lock is held
            inside = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            opened.callback(os.close, inside)
            if os.fstat(inside).st_uid == os.geteuid():
                # NFS gives this lock only for a file that is open for writing.
                lock = os.open(LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=inside)
                opened.callback(os.close, lock)
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _delete(folder)


def _delete(folder: Path) -> None:
    """Delete a folder, and its lock last: as long as something is left, the next grading tries again."""
    inside: list[Path] = []
    with contextlib.suppress(OSError):  # it is locked, or another grader has deleted it
        inside = [path for path in folder.iterdir() if path.name != LOCK]
    left = [path for path in inside if delete_folder(path)]
    if not left:
        delete_folder(folder)
