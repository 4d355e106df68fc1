"""Stop processes together, so that none of them starts another one that goes on.

kill(2) with -1 sends a signal to all processes of a namespace at once, and no fork(2) escapes it. A list of
processes does not show those that end before they are looked at, and start others before that.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable

import memory
import rights

STOP_S = 5
"""How long processes may take to stop."""
PAUSE_S = 0.002
TIMES = 3
"""So often, one after the other, all processes must be seen stopped: one may continue another before it stops."""
STOPPED = "TtZXD"
"""States of threads that run no code of a program. One that waits for the kernel (D) stops when that has ended."""
MANY_PER_S = 200
"""From so many new processes per second on, one could end before a look at it."""
COUNT_S = 0.1


def stop(signal_all: Callable[[], None], members: Callable[[], Iterable[int]], wait_s: float = STOP_S) -> bool:
    """Stop processes, and return whether all have stopped.

    Args:
        signal_all: Sends SIGSTOP to all of them.
        members: Returns their ids.
        wait_s: How long they may take.
    """
    deadline, times = time.monotonic() + wait_s, 0
    while times < TIMES:
        signal_all()
        times = times + 1 if are_stopped(members()) else 0
        if not times:
            if time.monotonic() > deadline:
                return False
            time.sleep(PAUSE_S)
    return True


def are_stopped(pids: Iterable[int]) -> bool:
    """Return whether no thread of the processes runs code of a program."""
    for pid in pids:
        with contextlib.suppress(OSError):  # it has just ended
            for thread in os.listdir(f"/proc/{pid}/task"):
                with contextlib.suppress(OSError):
                    if memory.state_of(int(thread)) not in STOPPED:
                        return False
    return True


def signal_namespace(namespace: int, number: int) -> None:
    """Send a signal to all processes of a namespace but its process 1, at once.

    Args:
        namespace: An open file `/proc/PID/ns/pid`.
        number: The signal.
    """
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(Exception):
            rights.enter(namespace)
            inside = os.fork()
            if inside == 0:
                with contextlib.suppress(Exception):
                    os.kill(-1, number)
                os._exit(0)
            os.waitpid(inside, 0)
        os._exit(0)
    os.waitpid(pid, 0)


class NewProcesses:
    """Counts the processes that were started in this namespace and in those below it."""

    def __init__(self) -> None:
        self.counted_s, self.newest, self.many = time.monotonic(), newest_pid(), False

    def are_many(self) -> bool:
        """Return whether there were many of them, for their time, since the last count."""
        elapsed = time.monotonic() - self.counted_s
        if elapsed >= COUNT_S:
            newest = newest_pid()  # smaller than before when the numbers start again
            self.many = not 0 <= newest - self.newest < MANY_PER_S * elapsed
            self.counted_s, self.newest = time.monotonic(), newest
        return self.many


def newest_pid() -> int:
    """Return the id of the newest process in this namespace, which may have ended (proc_loadavg(5)), or 0."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(memory.text_of("/proc/loadavg").split()[4])
    return 0
