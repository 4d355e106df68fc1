"""Watching how much the services of a worker store for a submission."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from eventlab.grading.environment.sandbox import MIB, ProcessLimits
from eventlab.grading.environment.watch import Watch

WATCH_S = 0.5


class DiskWatch(Watch):
    """Calls a function once when the folders have grown by more than a submission may store."""

    def __init__(self, folders: Sequence[Path], limits: ProcessLimits, exceeded: Callable[[str], None]) -> None:
        """Measure the folders, and begin to watch them; `exceeded` gets a sentence with the limit."""
        self.folders, self.limits = folders, limits
        self._before = usage(folders)
        super().__init__(self._too_much, WATCH_S, exceeded)

    def _too_much(self) -> str:
        size, files = (now - before for now, before in zip(usage(self.folders), self._before, strict=True))
        limit = f"{self.limits.files:,} files" if files > self.limits.files else ""
        if size > self.limits.disk_mib * MIB:
            limit = f"{self.limits.disk_mib} MiB"
        return f"more than {limit} were stored in Kafka, HDFS or Spark" if limit else ""


def usage(folders: Sequence[Path]) -> tuple[int, int]:
    """Return the bytes on the disk, and the number of files and folders, below the folders."""
    size = count = 0
    waiting = [str(folder) for folder in folders]
    while waiting:
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    facts = entry.stat(follow_symlinks=False)
                    size, count = size + facts.st_blocks * 512, count + 1
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
    return size, count
