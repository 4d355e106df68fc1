"""Deleting the folders of services and workers."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path


def delete(folder: Path) -> None:
    """Delete a folder, also when services or a submission have locked folders in it as the same user."""
    if os.geteuid():
        for place, names, _ in os.walk(folder):
            for path in (os.path.join(place, name) for name in names):
                with contextlib.suppress(OSError):
                    if not os.path.islink(path):
                        os.chmod(path, 0o700)
    shutil.rmtree(folder, ignore_errors=True)
