"""Watching how much memory the worker itself needs while a kernel runs.

A message may have any number of parts, and libzmq keeps all of them until the last one has arrived. It limits the
size of a part (ZMQ_MAXMSGSIZE), not their number: https://libzmq.readthedocs.io/en/latest/zmq_setsockopt.html
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from eventlab.grading.environment.sandbox import MIB
from eventlab.grading.environment.watch import Watch

WATCH_S = 0.1
MAX_GROWTH = 512 * MIB
"""Outputs that are kept, files of a submission and results of the instructor take much less."""
REASON = f"more than {MAX_GROWTH // MIB} MiB of its messages waited in the memory of the grader"


class OwnMemoryWatch(Watch):
    """Calls a function once when this process holds much more memory than when the watch began."""

    def __init__(self, exceeded: Callable[[str], None], growth: int = MAX_GROWTH) -> None:
        """Begin to watch; `exceeded` gets a sentence."""
        most = resident() + growth
        super().__init__(lambda: REASON if resident() > most else "", WATCH_S, exceeded)


def resident() -> int:
    """Return the bytes of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
