"""The record of the kit's commands that failed in a cell, for the explanations.

A notebook sees only the exit code of a cell's last command, and of a pipe only that of its last part. So each of
the kit's commands that fails writes its words and its exit code to the file that the kernel names.
"""

import atexit
import contextlib
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

VARIABLE = "EVENTLAB_FAILED_COMMANDS"
"""The environment variable with the file's path; a kernel sets it for its child processes."""


_own: list[str] = []
"""The path of this process's file. A kernel that another kernel starts inherits the variable, but not the file."""


def start() -> None:
    """Create the file of this process, which is deleted at its end."""
    if not _own:
        with contextlib.suppress(OSError):
            handle, path = tempfile.mkstemp(prefix="eventlab-failed-", suffix=".jsonl")
            os.close(handle)
            _own.append(path)
            os.environ[VARIABLE] = path
            atexit.register(stop)


def stop() -> None:
    """Delete the file, and record nothing any more."""
    while _own:
        Path(_own.pop()).unlink(missing_ok=True)
        os.environ.pop(VARIABLE, None)


def is_recorded() -> bool:
    """Return whether failed commands are recorded."""
    return bool(os.environ.get(VARIABLE))


def record(words: Sequence[str], exit_code: int) -> None:
    """Add a command to the file, if it failed and there is a file."""
    path = os.environ.get(VARIABLE)
    if path and exit_code:
        with contextlib.suppress(OSError), open(path, "a") as file:
            file.write(json.dumps([exit_code, *words]) + "\n")


def clear() -> None:
    """Forget the commands, before the next cell."""
    if path := os.environ.get(VARIABLE):
        with contextlib.suppress(OSError):
            os.truncate(path, 0)


def read() -> list[list[str]] | None:
    """Return the words of each command that failed since `clear`; None when they are not recorded."""
    path = os.environ.get(VARIABLE)
    if not path:
        return None
    with contextlib.suppress(OSError, ValueError):
        return [json.loads(line)[1:] for line in Path(path).read_text().splitlines()]
    return None
