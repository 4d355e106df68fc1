"""Deleting the folders of services and workers."""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path


def delete(folder: Path) -> None:
    """Delete a folder, also when services or a submission have locked folders in it as the same user.

    A submission can create folders that are too deep for Python's own functions, but not for these commands.
    """
    commands = ["chmod -R u+rwx"] if os.geteuid() else []
    for command in [*commands, "rm -rf"]:
        with contextlib.suppress(OSError):  # the machine cannot start it
            # In a session of its own, Ctrl-C in the terminal does not reach it.
            subprocess.run([*command.split(), "--", folder], capture_output=True, start_new_session=True)
