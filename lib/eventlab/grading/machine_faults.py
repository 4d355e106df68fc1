"""Faults of the machine while a submission is graded that can cost marks of right work."""

from __future__ import annotations

import contextlib
from pathlib import Path

from eventlab.grading import fair_time

NO_MEMORY = (
    "processes were killed because this machine, or the grader's share of it, had no memory left; "
    "grade with fewer --workers or end other programs"
)
SUSPENDED = "this machine or the grader was suspended for {:.0f} s; let the machine run while it grades"
NO_TIME = (
    "for {:.0f} s, other programs left almost no processor time to the grader; "
    "end other programs or grade with fewer --workers"
)
MAX_STARVED_S = 40.0
"""Until then, limits are at most MAX_STARVED_S * fair_time.SLOWEST = 2 s too short. It is not less, because on a
very busy machine a submission that only sleeps has idle services whose threads wait, too."""


class MachineFaults:
    """The faults of the machine since this object was created."""

    def __init__(self) -> None:
        self._clock = fair_time.clock()
        self._before = self._measure()

    def _measure(self) -> tuple[int, float, float]:
        return oom_kills(), self._clock.suspended_s, self._clock.starved_s

    @property
    def reason(self) -> str:
        """Return the fault that can have cost marks, as a sentence for the instructor; empty without one."""
        kills, suspended_s, starved_s = (
            now - before for now, before in zip(self._measure(), self._before, strict=True)
        )
        if kills > 0:
            return NO_MEMORY
        if suspended_s > 0:
            return SUSPENDED.format(suspended_s)
        return NO_TIME.format(starved_s) if starved_s > MAX_STARVED_S else ""


def oom_kills(root: Path = Path("/")) -> int:
    """Return how many processes were killed so far because there was no memory left; 0 where nobody counts.

    The count is that of this process's control group, or else that of the whole machine.
    https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files

    Args:
        root: The folder that contains `proc` and `sys`.
    """
    places = [root / "proc/vmstat"]
    with contextlib.suppress(OSError):
        for line in (root / "proc/self/cgroup").read_text().splitlines():
            _, controllers, group = line.split(":", 2)
            if controllers == "memory":
                places.insert(0, root / "sys/fs/cgroup/memory" / group.strip("/") / "memory.oom_control")
            elif not controllers:
                places.insert(0, root / "sys/fs/cgroup" / group.strip("/") / "memory.events")
    for path in places:
        with contextlib.suppress(OSError):
            for line in path.read_text().splitlines():
                if line.startswith("oom_kill "):
                    return int(line.split()[1])
    return 0
