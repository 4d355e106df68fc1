"""Stop processes together, so that none of them starts another one that goes on.

kill(2) with -1 sends a signal to all processes of a namespace at once, and no fork(2) escapes it. A list of
processes does not show those that end before they are looked at, and start others before that.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterable

import memory
import rights

STOP_S = 5
"""How long processes may take to stop."""
PAUSE_S = 0.002
MIN_LOOKS = 20
"""This process itself may get no processor for some seconds."""
SETTLE_S = 0.5
"""For so long, a thread that waited for the kernel (D) may be seen running before it stops."""
TIMES = 3
"""So often, one after the other, all processes must be seen stopped: one may continue another before it stops."""
STOPPED = "TtZXD"
"""States of threads that run no code of a program. One that waits for the kernel (D) stops when that has ended."""
EVERY_S = 0.5
"""Processes are stopped for a look at them not more often: that takes them some milliseconds."""


def stop(signal_all: Callable[[], bool], members: Callable[[], Iterable[int]], wait_s: float = STOP_S) -> bool:
    """Stop processes, and return whether all have stopped.

    Args:
        signal_all: Sends SIGSTOP to all of them, and returns whether it did.
        members: Returns their ids.
        wait_s: How long they may take, with at least MIN_LOOKS looks. Errors of the system do not count meanwhile.
    """
    deadline, times, looks = time.monotonic() + wait_s, 0, 0
    while times < TIMES:
        try:
            stopped = signal_all() and are_stopped(members())
        except OSError:
            stopped = False
        times, looks = times + 1 if stopped else 0, looks + 1
        if not stopped:
            if looks >= MIN_LOOKS and time.monotonic() > deadline:
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


def signal_namespace(namespace: int, number: int) -> bool:
    """Send a signal to all processes of a namespace but its process 1, at once; return whether it was sent.

    The process that sends it can be stopped or killed by others of its user, when the grader is not root.

    Args:
        namespace: An open file `/proc/PID/ns/pid`.
        number: The signal.
    """
    try:
        pid = os.fork()
    except OSError:  # no process is left
        return False
    if pid == 0:
        with contextlib.suppress(BaseException):
            rights.enter(namespace)
            inside = os.fork()
            if inside == 0:
                with contextlib.suppress(ProcessLookupError):  # there is no other process
                    os.kill(-1, number)
                os._exit(0)
            _, status = os.waitpid(inside, os.WUNTRACED)
            if status == 0:
                os._exit(0)
            os.kill(inside, signal.SIGKILL)
        os._exit(1)
    return os.waitpid(pid, 0)[1] == 0


class ShortProcesses:
    """Tells when a look at processes may have missed some, because others have begun or ended meanwhile."""

    def __init__(self, counts_all: bool = False) -> None:
        """Begin.

        Args:
            counts_all: Whether each new process of this namespace counts, and not only those that were listed.
                That is of use where nobody else starts processes in it.
        """
        self.counts_all, self.stopped_s = counts_all, 0.0

    def state(self, listed: Iterable[int]) -> tuple[object, ...]:
        """Return what is different after a look when processes have begun or ended."""
        return (*listed, newest_pid() if self.counts_all else 0)

    def must_stop(self, before: tuple[object, ...], listed: Iterable[int]) -> bool:
        """Return whether to stop the processes for another look, given the state before the first one."""
        now = time.monotonic()
        if now - self.stopped_s < EVERY_S or self.state(listed) == before:
            return False
        self.stopped_s = now
        return True


def newest_pid() -> int:
    """Return the id of the newest process in this namespace, which may have ended (proc_loadavg(5)), or 0."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(memory.text_of("/proc/loadavg").split()[4])
    return 0
