"""What happened to the machine while a submission was graded, and can cost marks of right work."""

from __future__ import annotations

from eventlab.grading import fair_time
from eventlab.grading.environment import processes

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
        return processes.oom_kills(), self._clock.suspended_s, self._clock.starved_s

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
