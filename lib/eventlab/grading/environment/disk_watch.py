"""Watching how much the services of a worker store for a submission."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from eventlab.grading.environment.sandbox import MIB, ProcessLimits

WATCH_S = 0.5


class DiskWatch:
    """Calls a function once when the folders have grown by more than a submission may store."""

    def __init__(self, folders: Sequence[Path], limits: ProcessLimits, exceeded: Callable[[str], None]) -> None:
        """Measure the folders, and begin to watch them; `exceeded` gets a sentence with the limit."""
        self.folders, self.limits, self.exceeded = folders, limits, exceeded
        self.was_exceeded = False
        self._before = usage(folders)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop watching."""
        self._stopped.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stopped.wait(WATCH_S):
            size, files = (now - before for now, before in zip(usage(self.folders), self._before, strict=True))
            reason = ""
            if size > self.limits.disk_mib * MIB:
                reason = f"more than {self.limits.disk_mib} MiB were stored in Kafka, HDFS or Spark"
            elif files > self.limits.files:
                reason = f"more than {self.limits.files:,} files were stored in Kafka, HDFS or Spark"
            if reason:
                self.was_exceeded = True
                return self.exceeded(reason)


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
