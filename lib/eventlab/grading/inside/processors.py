"""Processor time: what threads use, which are busy, and a lower priority for those that are too many."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

import memory

BACKGROUND = ("C1 Compiler", "C2 Compiler", "VM ", "GC ", "G1 ", "Signal Dispatch")
"""Threads of the JVM itself."""
MAX_BUSY_THREADS = 2 * (os.cpu_count() or 1) + 4
"""Spark runs one Python process per processor, and each may use a second thread."""
LOWEST_NICENESS = 19


def cpu_of_threads(pids: set[int]) -> dict[int, tuple[str, float]]:
    """Return the name and the processor seconds of each thread that is not the JVM's own, by its id."""
    ticks = os.sysconf("SC_CLK_TCK")
    found = {}
    for path in (path for pid in pids for path in Path(f"/proc/{pid}/task").glob("*/stat")):
        with contextlib.suppress(OSError, ValueError, IndexError):
            line = memory.text_of(path)
            name, fields = line[line.index("(") + 1 : line.rindex(")")], line.rpartition(")")[2].split()
            if not name.startswith(BACKGROUND):
                found[int(path.parent.name)] = (name, (int(fields[11]) + int(fields[12])) / ticks)
    return found


def too_many_are_busy(pids: Iterable[int]) -> bool:
    """Return whether more than MAX_BUSY_THREADS threads of these processes run, or wait for a processor."""
    count = 0
    for pid in pids:
        with contextlib.suppress(OSError):  # it has just ended
            for thread in os.listdir(f"/proc/{pid}/task"):
                with contextlib.suppress(OSError):
                    count += memory.state_of(int(thread)) == "R"
                if count > MAX_BUSY_THREADS:
                    return True
    return False


def lower_priority(pids: Iterable[int]) -> None:
    """Give all threads of these processes the lowest priority, which what they start inherits (setpriority(2))."""
    for pid in pids:
        with contextlib.suppress(OSError):  # it has just ended
            for thread in os.listdir(f"/proc/{pid}/task"):
                with contextlib.suppress(OSError):
                    os.setpriority(os.PRIO_PROCESS, int(thread), LOWEST_NICENESS)
