"""The record of the kit's commands that failed in a cell, for the explanations.

A notebook sees only the exit code of a cell's last command, and of a pipe only that of its last part. So when a
command of the kit fails, it writes its exit code, its name and its arguments to a file. The kernel names the file
in an environment variable.
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


_own_files: list[str] = []
"""The path of the file that this process has created, if any. A variable without a file is inherited."""


def start() -> None:
    """Create the file of this process, which is deleted at its end."""
    if not _own_files:
        with contextlib.suppress(OSError):
            handle, path = tempfile.mkstemp(prefix="eventlab-failed-", suffix=".jsonl")
            os.close(handle)
            _own_files.append(path)
            os.environ[VARIABLE] = path
            atexit.register(stop)


def stop() -> None:
    """Delete the file; later failures are not recorded."""
    while _own_files:
        Path(_own_files.pop()).unlink(missing_ok=True)
        os.environ.pop(VARIABLE, None)


def is_recorded() -> bool:
    """Return whether failed commands are recorded."""
    return bool(os.environ.get(VARIABLE))


def record(command: Sequence[str], exit_code: int) -> None:
    """Add a command (its name and arguments) to the file, if it failed and there is a file."""
    path = os.environ.get(VARIABLE)
    if path and exit_code:
        with contextlib.suppress(OSError), open(path, "a") as file:
            file.write(json.dumps([exit_code, *command]) + "\n")


def clear() -> None:
    """Empty the file before the next cell runs."""
    if path := os.environ.get(VARIABLE):
        with contextlib.suppress(OSError):
            os.truncate(path, 0)


def read() -> list[list[str]] | None:
    """Return name and arguments of each command that failed since `clear`; None when nothing is recorded."""
    path = os.environ.get(VARIABLE)
    if not path:
        return None
    with contextlib.suppress(OSError, ValueError):
        return [json.loads(line)[1:] for line in Path(path).read_text().splitlines()]
    return None
