"""Threads that check in intervals whether a submission uses too much disk, or memory of the grader."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from eventlab.grading.environment.sandbox import MIB, ProcessLimits

DISK_WATCH_S, MEMORY_WATCH_S = 0.5, 0.1
UNKNOWN_FILES = 10**9
MAX_LOG_BYTES, MAX_LOG_FILES = 64 * MIB, 100
MAX_GROWTH = 512 * MIB
"""Kept outputs, the files of a submission and the instructor's results need much less."""
TOO_MANY_MESSAGES = f"more than {MAX_GROWTH // MIB} MiB of its messages waited in the memory of the grader"
WATCH_STOPPED = "one of its programs stopped the process that limits programs beside Spark"


class Watch:
    """Calls a function once, as soon as there is a reason.

    Attributes:
        exceeded: The reason, or "" as long as there is none.
    """

    def __init__(self, reason: Callable[[], str], every_s: float, found: Callable[[str], None]) -> None:
        """Begin to watch.

        Args:
            reason: Returns a sentence when there is a reason, otherwise "".
            every_s: The seconds between two checks.
            found: Called with the sentence.
        """
        self._reason, self._every_s, self._found = reason, every_s, found
        self.exceeded = ""
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop watching."""
        self._stopped.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stopped.wait(self._every_s):
            self.exceeded = self._reason()
            if self.exceeded:
                return self._found(self.exceeded)


class DiskWatch(Watch):
    """Calls a function once when the folders have grown by more than a submission may store."""

    def __init__(self, folders: Sequence[Path], limits: ProcessLimits, exceeded: Callable[[str], None]) -> None:
        """Measure the folders, and begin to watch them; `exceeded` gets a sentence with the limit."""
        self.folders, self.limits = folders, limits
        self._before = usage(folders)
        super().__init__(self._too_much, DISK_WATCH_S, exceeded)

    def _too_much(self) -> str:
        size, files = (now - before for now, before in zip(usage(self.folders), self._before, strict=True))
        if files >= UNKNOWN_FILES:
            return "folders that are locked or too deep to be measured were stored in Kafka, HDFS or Spark"
        limit = f"{self.limits.files:,} files" if files > self.limits.files else ""
        if size > self.limits.disk_mib * MIB:
            limit = f"{self.limits.disk_mib} MiB"
        return f"more than {limit} were stored in Kafka, HDFS or Spark" if limit else ""


class OwnMemoryWatch(Watch):
    """Calls a function once when this process holds much more memory than when the watch began.

    A message may have any number of parts, and libzmq keeps all of them until the last one has arrived. It limits
    the size of a part, not their number: https://libzmq.readthedocs.io/en/latest/zmq_setsockopt.html
    """

    def __init__(self, exceeded: Callable[[str], None], growth: int = MAX_GROWTH) -> None:
        """Begin to watch; `exceeded` gets a sentence."""
        most = resident() + growth
        super().__init__(lambda: TOO_MANY_MESSAGES if resident() > most else "", MEMORY_WATCH_S, exceeded)


class StoppedWatch(Watch):
    """Calls a function once when the process that limits Python functions beside Spark was stopped (SIGSTOP).

    It has the same user as they have.
    """

    def __init__(self, is_stopped: Callable[[], bool], exceeded: Callable[[str], None]) -> None:
        """Begin to watch; `is_stopped` is asked twice, and `exceeded` gets a sentence."""
        self._is_stopped, self._was_stopped = is_stopped, False
        super().__init__(self._stopped_twice, DISK_WATCH_S, exceeded)

    def _stopped_twice(self) -> str:
        before, self._was_stopped = self._was_stopped, self._is_stopped()
        return WATCH_STOPPED if before and self._was_stopped else ""


def usage(folders: Sequence[Path]) -> tuple[int, int]:
    """Return the bytes on the disk, and the number of files and folders, below the folders.

    A folder that is locked, or too deep to be opened, counts as UNKNOWN_FILES files.
    """
    size = count = 0
    waiting = [str(folder) for folder in folders]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    try:
                        facts = entry.stat(follow_symlinks=False)
                        size, count = size + facts.st_blocks * 512, count + 1
                        if entry.is_dir(follow_symlinks=False):
                            waiting.append(entry.path)
                    except OSError as error:
                        count += _hidden(error)
        except OSError as error:
            count += _hidden(error)
    return size, count


def is_small(folder: Path) -> bool:
    """Return whether a folder of logs exists and is not too large to be kept.

    A larger one comes from the submission, and each of its runs could add another one.
    """
    if os.path.islink(folder) or not os.path.isdir(folder):  # False if a locked folder hides it
        return False
    size, files = usage([folder])
    return size <= MAX_LOG_BYTES and files <= MAX_LOG_FILES


def _hidden(error: OSError) -> int:
    """Return how many files an error hides: none if the file or folder has just been deleted."""
    return UNKNOWN_FILES if error.errno in (errno.ENAMETOOLONG, errno.EACCES) else 0


def resident() -> int:
    """Return the bytes of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
