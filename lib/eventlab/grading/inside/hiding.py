"""Kill processes that hide the memory that they hold."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable

import memory

ENDING_S = 0.02
"""For about so long, the first thread of a process that ends can end before the others."""


def kill_without_first_thread(pids: list[int]) -> None:
    """Kill processes whose first thread has ended, and which go on: threads that come and go hide what they hold.

    No ordinary program does this for longer than a moment.
    """
    _kill_if_still(pids, _lacks_first_thread)


def kill_unreadable(pids: list[int]) -> None:
    """Kill processes that are not "dumpable" (prctl(2)): they show what they hold only to root."""
    _kill_if_still(pids, _is_unreadable)


def _kill_if_still(pids: list[int], hides: Callable[[int], bool]) -> None:
    """Kill the processes that hide something now and a moment later."""
    if found := [pid for pid in pids if hides(pid)]:
        time.sleep(ENDING_S)
        for pid in found:
            if hides(pid):
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)


def _lacks_first_thread(pid: int) -> bool:
    with contextlib.suppress(OSError, IndexError, ValueError):
        fields = memory.text_of(f"/proc/{pid}/stat").rpartition(")")[2].split()
        return fields[0] == "Z" and int(fields[17]) > 1
    return False


def _is_unreadable(pid: int) -> bool:
    with contextlib.suppress(OSError):  # it has just ended
        try:
            os.listdir(f"/proc/{pid}/fd")
        except PermissionError:  # also of a process that has ended, and that nobody has waited for
            return memory.state_of(pid) != "Z"
    return False
