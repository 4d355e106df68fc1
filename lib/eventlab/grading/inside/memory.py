"""Measuring the memory of a kernel and all processes that it started."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

PAGE = os.sysconf("SC_PAGE_SIZE")


def holds_more(pids: list[int], allowed: int) -> bool:
    """Return whether the processes use more bytes than allowed; shared pages are counted once."""
    return resident(pids) > allowed and proportional(pids) > allowed


def resident(pids: list[int]) -> int:
    """Return the resident bytes; a shared page counts for each process."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError, ValueError, IndexError):
            total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    return total


def proportional(pids: list[int]) -> int:
    """Return the proportional set size in bytes: a page shared by several processes counts once."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError, ValueError, IndexError):
            found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
            total += int(found[1]) * 1024 if found else 0
    return total
