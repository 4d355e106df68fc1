"""A kernel as the fork server sees it: a process that waits for it, and all that the kernel has started."""

from __future__ import annotations

import contextlib
import os
import signal
from dataclasses import dataclass, field

import memory
import suspension


@dataclass
class ForkedKernel:
    """A forked kernel.

    Attributes:
        pid: The process that waits for it; 0 after its end.
        folder: The descriptor of its working folder, kept open.
        namespace: The descriptor of its namespace of processes, kept open.
        why: Why it was killed, or how it has ended.
        is_starting: Whether it has not told yet that it has started.
        is_suspended: Whether it is suspended; a process of it that runs nevertheless ends it.
        is_stopped: Whether its processes were stopped, and not resumed.
        has_ended: Whether its end, and that of all that it started, was reported.
        members: Its processes at the last look.
        sessions: The number of sessions of those that had not ended.
    """

    pid: int
    folder: int | None = None
    namespace: int | None = None
    why: str | None = None
    is_starting: bool = False
    is_suspended: bool = False
    is_stopped: bool = False
    has_ended: bool = False
    members: list[int] = field(default_factory=list)
    sessions: int = 0
    short: suspension.ShortProcesses = field(default_factory=suspension.ShortProcesses)

    @property
    def descriptors(self) -> list[int]:
        """Return its descriptors; what becomes another kernel closes them."""
        return [descriptor for descriptor in (self.folder, self.namespace) if descriptor is not None]

    def find_members(self) -> list[int]:
        """Look which processes it has: its descendants and, without namespaces, those of its session."""
        parents, sessions = {}, {}
        for name in os.listdir("/proc"):
            if name.isdigit():
                with contextlib.suppress(OSError, ValueError, IndexError):
                    fields = memory.text_of(f"/proc/{name}/stat").rpartition(")")[2].split()
                    parents[int(name)] = int(fields[1])
                    if fields[0] != "Z" or int(fields[17]) > 1:  # it has not ended, or only its first thread has
                        sessions[int(name)] = int(fields[3])
        family = {self.pid} if self.pid else set(self.members) & parents.keys()
        while more := {pid for pid, parent in parents.items() if parent in family} - family:
            family |= more
        family |= {pid for pid, session in sessions.items() if session == self.pid and self.pid}
        self.members = sorted(family - {self.pid, os.getpid()})
        self.sessions = len({sessions[pid] for pid in self.members if pid in sessions})
        return self.members

    def has_processes(self) -> bool:
        """Return whether one of the processes of the last look is still in the namespace, also after its end."""
        own = os.fstat(self.namespace).st_ino if self.namespace is not None else None
        for pid in self.members:
            try:
                if own in (None, os.stat(f"/proc/{pid}/ns/pid").st_ino):
                    return True
            except PermissionError:
                return True
            except OSError:  # it has ended
                continue
        return False

    def signal(self, number: int, *others: int) -> None:
        """Send a signal to its processes and to others; one that has just ended gets none."""
        for pid in [*others, *self.find_members()]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def stop(self) -> bool:
        """Stop all of its processes, and return whether they have stopped."""
        self.is_stopped = True
        # Without a process, the kernel has just ended, and nothing can be sent to its namespace.
        return suspension.stop(lambda: self.signal_all(signal.SIGSTOP) or not self.members, self.find_members)

    def resume(self) -> None:
        """Let all of its processes go on."""
        if self.signal_all(signal.SIGCONT):
            self.is_stopped = False

    def signal_all(self, number: int) -> bool:
        """Send a signal to all of its processes, at once if they have a namespace; return whether it was sent."""
        sent = self.namespace is None or suspension.signal_namespace(self.namespace, number)
        self.signal(number)
        return sent

    def runs(self) -> bool:
        """Return whether one of its processes runs, and does not just stop."""
        return not suspension.stop(lambda: True, self.find_members, suspension.SETTLE_S)

    def note_end(self) -> None:
        """Note that it has ended, and how."""
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if pid:
            code = os.waitstatus_to_exitcode(status)
            ended = f"signal {code - 128}" if code > 128 else f"signal {-code}" if code < 0 else f"exit {code}"
            before = self.members
            with contextlib.suppress(OSError):
                self.members = sorted({*before, *self.find_members()})  # the last look at its session
            self.pid, self.why = 0, self.why or ended

    def close(self) -> None:
        """Close its descriptors."""
        for descriptor in self.descriptors:
            os.close(descriptor)
