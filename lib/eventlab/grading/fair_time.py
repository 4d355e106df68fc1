"""The clock of limits that cost marks: slower while other programs keep the processors from this worker.

A limit in seconds is meant for a machine that has time for the submission. So a second counts as the part of it in
which nothing of this worker waited for a processor that programs of others used. It counts at least as SLOWEST, so
that each limit ends. When the machine or the grader is suspended for more than PAUSE_S, that time does not count.

What a submission does makes the clock hardly slower: processes of this worker are no others, those of a kernel
wait for each other on its one processor, and what only sleeps does not wait. Suspended time, and time in which
others used almost all processors, is added up: marks that a submission loses meanwhile may be the machine's fault.

Source of the waits: `run_delay` in https://docs.kernel.org/scheduler/sched-stats.html#proc-pid-schedstat
"""

from __future__ import annotations

import contextlib
import functools
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

TICK_S = 1.0
PAUSE_S = 10.0
"""The clock ticks also on a very busy machine; when it does not for so long, it was suspended."""
SLOWEST = 0.05
LEAST_SHARE = 0.5
LONG_S = 10.0
"""No service and no client library of the kit waits for less before it gives up."""
PROC = Path("/proc")
CPU_LIMIT = Path("/sys/fs/cgroup/cpu.max")
"""Where a container reads its own limit: https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu-interface-files"""
ALL_PROCESSES = "pid:[4026531836]"
"""The first process namespace of a system (PROC_PID_INIT_INO of Linux), which contains all others."""
CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Of both, the one that goes on while the machine is suspended: https://docs.python.org/3/library/time.html"""
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Usage:
    """What processors have done until a moment, in seconds.

    Attributes:
        at: The moment.
        busy: The time that all programs have used.
        stolen: The time that other virtual machines have used.
        own: The time that this process and all that it has started have used.
        others: The time that all other processes have used, or None where they cannot be seen, as in a container.
        waits: By thread of these processes, how long it was ready to run and had no processor.
        bound: The part of `own` that was used by processes that may use one processor only, as all of a kernel.
        bound_waits: The same as `waits` for the threads of these processes, which `waits` does not contain.
        cores: How many processors this process may use; a container can have fewer than the machine.
    """

    at: float
    busy: float = 0.0
    stolen: float = 0.0
    own: float = 0.0
    others: float | None = None
    waits: Mapping[int, float] = field(default_factory=dict)
    bound: float = 0.0
    bound_waits: Mapping[int, float] = field(default_factory=dict)
    cores: float = float("inf")


def cores() -> float:
    """Return how many processors this process may use, also in a container with a limit on their time."""
    count = float(len(os.sched_getaffinity(0)))
    with contextlib.suppress(OSError, ValueError):  # "max 100000" is no limit
        quota_us, period_us = map(int, _words(CPU_LIMIT))
        count = min(count, quota_us / period_us)
    return count


def measure() -> Usage:
    """Return the usage until now; a system that does not say what it did seems to have been idle."""
    at = time.clock_gettime(CLOCK)
    try:
        user, nice, system, _, _, irq, softirq, stolen = map(int, _words(PROC / "stat")[1:9])
        used, processes = _used()
        sees_all = os.readlink(PROC / "self/ns/pid") == ALL_PROCESSES and os.access(PROC / "1/stat", os.R_OK)
    except (OSError, ValueError, IndexError):
        return Usage(at)
    bound = {process for process in processes if _is_bound(process)}
    own = sum(used.get(process, 0) for process in processes)
    return Usage(
        at,
        busy=(user + nice + system + irq + softirq) / TICKS_PER_S,
        stolen=stolen / TICKS_PER_S,
        own=own / TICKS_PER_S,
        others=(sum(used.values()) - own) / TICKS_PER_S if sees_all else None,
        waits=dict(wait for process in processes - bound for wait in _waits(process)),
        bound=sum(used.get(process, 0) for process in bound) / TICKS_PER_S,
        bound_waits=dict(wait for process in bound for wait in _waits(process)),
        cores=cores(),
    )


def speed(before: Usage, now: Usage) -> float:
    """Return the part of the time between two moments in which others did not delay this worker, from 0 to 1."""
    passed = max(now.at - before.at, 1e-9)
    busy, stolen = max(0.0, now.busy - before.busy), max(0.0, now.stolen - before.stolen)
    if not busy + stolen:
        return 1.0
    own = max(0.0, now.own - before.own)
    # Who uses all processors that this worker may use waits for its own programs, whatever others do elsewhere.
    others = 1 - min(1.0, own / min(busy, now.cores * passed)) if busy else 0.0
    on_one = max(0.0, now.bound - before.bound)
    if busy and now.others is not None and before.others is not None:
        # A process whose parent ignores SIGCHLD leaves no trace of its time: it may be one of the submission.
        used = max(0.0, now.others - before.others)
        others, on_one = min(others, used / busy), on_one + max(0.0, busy - own - used)
    # Programs on one processor wait for each other while one of them runs.
    waited = min(_waited(before.bound_waits, now.bound_waits), max(0.0, passed - on_one))
    delayed = min(1.0, (waited + _waited(before.waits, now.waits)) / passed) * others
    return (1 - delayed) * (1 - min(stolen / (busy + stolen), stolen / passed))


def _waited(before: Mapping[int, float], now: Mapping[int, float]) -> float:
    return sum(max(0.0, wait - before.get(thread, 0.0)) for thread, wait in now.items())


class FairClock:
    """Counts seconds, each as much as the machine had time for this worker.

    Attributes:
        suspended_s: The seconds so far in which this process or the machine was suspended.
        starved_s: The seconds so far that should count less than SLOWEST, each as the part that is missing: one
            second that should not count at all, or two that should count half as much as SLOWEST.
    """

    def __init__(self) -> None:
        self.suspended_s = self.starved_s = 0.0
        self._time = 0.0
        self._speed = 1.0
        self._last = measure()
        self._lock = threading.Lock()

    def start(self) -> FairClock:
        """Begin to tick in a thread of its own."""
        threading.Thread(target=self._run, daemon=True).start()
        return self

    def now(self) -> float:
        """Return the seconds that count so far; between two ticks, as fast as before the last one."""
        with self._lock:
            return self._time + min(time.clock_gettime(CLOCK) - self._last.at, TICK_S) * self._speed

    def tick(self, usage: Usage) -> None:
        """Count the time since the last tick."""
        passed, fair = usage.at - self._last.at, speed(self._last, usage)
        is_pause = passed > PAUSE_S
        with self._lock:
            self._speed = max(fair, SLOWEST)
            self._time += TICK_S if is_pause else passed * self._speed
            self.suspended_s += passed if is_pause else 0.0
            self.starved_s += 0.0 if is_pause else passed * (1 - fair / self._speed)
            self._last = usage

    def _run(self) -> None:
        while True:
            time.sleep(TICK_S)
            self.tick(measure())


@functools.cache
def clock() -> FairClock:
    """Return the clock of this process, which begins to tick at the first call."""
    return FairClock().start()


def now() -> float:
    """Return the seconds that count so far in this process."""
    return clock().now()


class Delay:
    """Tells whether a step that began with this object can have failed because it waited too long for others."""

    def __init__(self) -> None:
        self._began = time.monotonic(), now()

    @property
    def is_long(self) -> bool:
        """Return whether it has taken LONG_S, of which less than LEAST_SHARE counts."""
        passed = time.monotonic() - self._began[0]
        return passed > LONG_S and now() - self._began[1] < LEAST_SHARE * passed


def _used() -> tuple[dict[int, int], set[int]]:
    """Return the ticks of processor time of each process, and which are this one and all that it has started."""
    children: dict[int, list[int]] = {}
    used: dict[int, int] = {}
    for name in os.listdir(PROC):
        if name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                fields = (PROC / name / "stat").read_bytes().rpartition(b")")[2].split()  # a name is any bytes
                children.setdefault(int(fields[1]), []).append(int(name))
                used[int(name)] = sum(map(int, fields[11:15]))  # its own time, and that of children that ended
    found, waiting = set[int](), [os.getpid()]
    while waiting:
        process = waiting.pop()
        found.add(process)
        waiting += children.get(process, [])
    return used, found


def _is_bound(process: int) -> bool:
    """Return whether a process may use one processor only."""
    with contextlib.suppress(OSError):
        return len(os.sched_getaffinity(process)) == 1
    return False


def _waits(process: int) -> list[tuple[int, float]]:
    """Return how long each thread of a process was ready to run and had no processor."""
    tasks, found = PROC / str(process) / "task", []
    with contextlib.suppress(OSError):
        for thread in os.listdir(tasks):
            with contextlib.suppress(OSError, ValueError, IndexError):
                found.append((int(thread), int(_words(tasks / thread / "schedstat")[1]) / 1e9))
    return found


def _words(path: Path) -> list[str]:
    with path.open() as file:
        return file.readline().split()
