"""The files of the services: which ones they had at their start, and which are new since then."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from eventlab.settings import settings

CHANGING = ("logs", "run", "lock", "classes")
"""Folders of the state folder in which files change by themselves: only new and missing files count there."""
BLOCK_FOLDERS = 64
"""The default of `spark.diskStore.subDirectories`."""


def files_below(roots: list[Path]) -> dict[str, object]:
    """Return what is below the folders: by path, what changes when a file changes."""
    found: dict[str, object] = {}
    changing = tuple(os.path.join(settings.state_dir, name, "") for name in CHANGING)
    waiting = [str(root) for root in roots]
    while waiting:  # a query can create folders that are too deep for recursion
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if is_folder := entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                if is_folder or f"{entry.path}/".startswith(changing):
                    found[entry.path] = None
                    continue
                with contextlib.suppress(OSError):
                    facts = entry.stat(follow_symlinks=False)
                    found[entry.path] = (facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_mode)
    return found


def delete_new(roots: list[Path], before: dict[str, object]) -> list[str]:
    """Delete Spark's new files; return a sentence for each file that is not Spark's, and for each missing one.

    Spark's own are data of sessions that have ended, and native libraries. Its empty folders stay, because it
    creates them only once. What is not Spark's stays, too: the grader then deletes all folders of this sandbox.
    """
    own = os.path.join(settings.state_dir, "data", "")
    now = files_below(roots)
    missing = sorted(before.keys() - now.keys())
    changed = [path for path, facts in now.items() if path not in before or before[path] != facts]
    for path in changed:
        if path.startswith(own):
            with contextlib.suppress(OSError):  # a folder
                os.unlink(path)
    unknown = [path for path in changed if not path.startswith(own)]
    return [f"a file of its own, {path[-100:]}" for path in unknown[:3]] + [
        f"a file is missing, {path[-100:]}" for path in missing[:3]
    ]


def keep_block_folders(data: Path) -> None:
    """Create the folders in which Spark stores shuffled rows, so that a query cannot delete them.

    Spark creates each of them once, and does not look again whether it exists.
    """
    for folder in data.glob("spark/blockmgr-*"):
        for number in range(BLOCK_FOLDERS):
            (folder / f"{number:02x}").mkdir(exist_ok=True)
        folder.chmod(0o500)


def hide_logs(logs: Path) -> None:
    """Make the logs unreadable for the services: Spark's contains errors of earlier submissions."""
    for path in logs.glob("*"):
        path.chmod(0o200)
