"""Temporary folders of a grader, and the deletion of those that a killed grader has left."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from eventlab.files import delete_folder

RUN, SUBMISSIONS = "eg", "eventlab-submissions-"
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
            fcntl.flock(lock, fcntl.LOCK_EX)
            os.rename(lock.name, folder / LOCK)  # under this name it is locked from the beginning
            yield folder, lock.fileno()
    finally:
        delete_folder(folder)


def delete_abandoned() -> None:
    """Delete the folders of this user's graders that were killed, or lost their terminal."""
    temporary_files = Path(tempfile.gettempdir())
    for folder in [*temporary_files.glob(f"{RUN}*"), *temporary_files.glob(f"{SUBMISSIONS}*")]:
        with contextlib.suppress(OSError), contextlib.ExitStack() as opened:  # also: the lock is held
            inside = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            opened.callback(os.close, inside)
            if os.fstat(inside).st_uid == os.geteuid():
                lock = os.open(LOCK, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=inside)
                opened.callback(os.close, lock)
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                delete_folder(folder)
