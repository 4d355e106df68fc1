"""Students' kernels, forked from one process that has imported everything already.

Importing pyspark, pandas and matplotlib takes longer than most submissions run; a fork takes milliseconds. Each
fork gets process and mount namespaces, empty folders, limits and another user before its kernel starts. This
process runs no student's code and reads no student's files: later kernels inherit its memory and its open files.
It reads requests as lines of JSON on standard input, and writes events to standard output:

    {"do": "start", "id": "k1"}            {"event": "ended", "id": "k1", "why": "exit 0" | "memory" | ...}
    {"do": "write", "id": "k1", "source": "/.../k1.files"}
    {"do": "files", "id": "k1", "request": 7}    {"event": "files", "request": 7, "files": {...}}
    {"do": "kill", "id": "k1"}
    {"do": "forget", "id": "k1"}
    {"do": "signal", "id": "k1", "number": 19}
"""

from __future__ import annotations

import base64
import contextlib
import errno
import importlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import forked
import lines
import memory
import workdir_files

WATCH_S = 0.1
END_S = 0.01
"""How long to wait before the next look at a kernel that was killed."""
LOCKS_EVERY_S = 1
"""Locks of files are counted once a second: that disturbs other programs, and a lock takes little memory."""
MAX_SESSIONS = 7
"""How many sessions the kernels may have together besides the first one of each. Each `!command` has one while it
runs. Linux divides a processor among sessions (autogroup in sched(7)): many would take it from other workers."""
STOP_ROUNDS = 100
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EIO)


@dataclass
class ForkedKernel:
    """A forked kernel.

    Attributes:
        pid: The process that waits for it; 0 after its end.
        folder: The descriptor of its working folder, kept open.
        why: Why it was killed.
        members: Its processes at the last look.
        sessions: The number of sessions of those that had not ended.
    """

    pid: int
    folder: int | None = None
    why: str | None = None
    members: list[int] = field(default_factory=list)
    sessions: int = 0


class ForkServer:
    """Forks kernels and watches them."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options
        self.kernels: dict[str, ForkedKernel] = {}
        self.locks_counted_s = 0.0

    def serve(self) -> None:
        """Import the packages, then carry out requests until standard input ends."""
        for name in self.options["imports"]:
            with contextlib.suppress(Exception):
                importlib.import_module(name)
        send({"event": "warm"})
        reader = lines.LineReader(0)
        while not reader.ended:
            line = reader.line(self.pause_s())
            if line is not None:
                request = json.loads(line)
                getattr(self, request.pop("do"))(**request)
            self.watch()
        for kernel_id in list(self.kernels):
            self.kill(kernel_id)

    def pause_s(self) -> float:
        """Return how long to wait for a request before the next look at the kernels."""
        ending = any(kernel.pid and kernel.why for kernel in self.kernels.values())
        return END_S if ending else WATCH_S if self.kernels else 5

    def start(self, id: str) -> None:
        """Fork a kernel."""
        read_end, write_end = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(read_end)
            self.close_folders()
            forked.become_kernel(self.options, id, write_end)
        os.close(write_end)
        with os.fdopen(read_end, "rb") as report:
            first = report.readline().decode().strip()  # the id, as seen from here, of a process in the namespaces
        kernel = self.kernels[id] = ForkedKernel(pid)
        if first.isdigit():
            with contextlib.suppress(OSError):
                root = (
                    f"/proc/{first}/root{forked.WORK}"
                    if self.options["namespaces"]
                    else forked.workdir_without_namespaces(self.options, id)
                )
                kernel.folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        else:
            kernel.why = first or "could not be started"

    def close_folders(self) -> None:
        """In a forked process, close the working folders of all kernels."""
        for kernel in self.kernels.values():
            if kernel.folder is not None:
                os.close(kernel.folder)

    def write(self, id: str, source: str) -> None:
        """Put the submission's files beside the notebook, before any of its code runs.

        Args:
            id: The kernel.
            source: A JSON file with the files as base64, by name.
        """
        folder = self.kernels[id].folder
        if folder is not None:
            self.in_child(lambda: self.copy(folder, source))

    def copy(self, folder: int, source: str) -> None:
        """Write the files of a JSON file below an open folder.

        A file whose name the folder refuses is left out. Afterwards the JSON file does not exist any more, or has
        the ending `.full` when there was no room for all files: by this the worker sees what was done.
        """
        files = json.loads(Path(source).read_text())
        is_full = False
        for name, content in files.items():
            try:
                workdir_files.write_below(folder, name, base64.b64decode(content), self.options["uid"])
            except OSError as error:
                is_full |= error.errno in NO_ROOM
        if is_full:
            os.rename(source, f"{source}.full")
        else:
            os.unlink(source)

    def files(self, id: str, request: int) -> None:
        """Report the files in the notebook's folder; large ones and links are left out."""
        kernel = self.kernels.get(id)
        folder = kernel.folder if kernel else None
        if folder is None:
            send({"event": "files", "request": request, "files": {}})
        else:
            self.in_child(
                lambda: send({"event": "files", "request": request, "files": workdir_files.plain_files(folder)})
            )

    @staticmethod
    def in_child(work: Callable[[], None]) -> None:
        """Do something in a forked process, so that nothing of it stays in the memory of this one."""
        pid = os.fork()
        if pid == 0:
            with contextlib.suppress(Exception):
                work()
            os._exit(0)
        os.waitpid(pid, 0)

    def kill(self, id: str, why: str = "killed") -> None:
        """Kill a kernel and all that it started."""
        kernel = self.kernels.get(id)
        if kernel is None or not kernel.pid:
            return
        kernel.why = kernel.why or why
        for pid in [kernel.pid, *self.members(kernel)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def signal(self, id: str, number: int) -> None:
        """Send a signal to a kernel and all that it started, to suspend or to resume them.

        A process may start another one before it stops, so the list is read again until all have the signal.
        A kernel that continues in new processes is killed.
        """
        kernel = self.kernels.get(id)
        if kernel is None or not kernel.pid:
            return
        sent: set[int] = set()
        for _ in range(STOP_ROUNDS if number == signal.SIGSTOP else 1):
            new = set(self.members(kernel)) - sent
            for pid in new:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            sent |= new
            if not new:
                return
        if number == signal.SIGSTOP:
            self.kill(id, "processes")

    def forget(self, id: str) -> None:
        """Close the folder of a kernel that has ended."""
        kernel = self.kernels.pop(id, None)
        if kernel and kernel.folder is not None:
            os.close(kernel.folder)

    def watch(self) -> None:
        """Report kernels that have ended, and kill those that use more memory than allowed."""
        count_locks = time.monotonic() - self.locks_counted_s >= LOCKS_EVERY_S
        if count_locks:
            self.locks_counted_s = time.monotonic()
        for id, kernel in list(self.kernels.items()):
            if not kernel.pid:
                continue
            pid, status = os.waitpid(kernel.pid, os.WNOHANG)
            if pid:
                code = os.waitstatus_to_exitcode(status)
                self.end_rest(kernel)
                kernel.pid = 0
                ended = f"signal {code - 128}" if code > 128 else f"signal {-code}" if code < 0 else f"exit {code}"
                send({"event": "ended", "id": id, "why": kernel.why or ended})
                continue
            scratch = kernel.folder if self.options["namespaces"] else None
            members = self.members(kernel)
            memory.kill_without_first_thread(members)
            allowed = self.options["memory"]
            if members and memory.holds_more(members, allowed, scratch, count_locks=count_locks):
                print(f"{id} holds too much memory: {memory.described(members, scratch)}", file=sys.stderr)
                self.kill(id, "memory")
            elif len(members) > self.options["limits"]["NPROC"]:
                self.kill(id, "processes")  # the limit has no effect on root, where there is no other user
            elif kernel.sessions > 1 and self.further_sessions() > MAX_SESSIONS:
                self.kill(id, "sessions")

    def further_sessions(self) -> int:
        """Return how many sessions the kernels have, without the first one of each."""
        return sum(
            max(0, kernel.sessions - 1) for kernel in self.kernels.values() if kernel.pid and not kernel.why
        )

    def end_rest(self, kernel: ForkedKernel) -> None:
        """Wait until all processes of a kernel that has ended have ended, too; without a namespace, kill them.

        Until then, for example a fork bomb's processes count against the limit of the same user's next kernel.
        """
        if not self.options["namespaces"]:
            for pid in self.members(kernel):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return
        deadline = time.monotonic() + forked.END_TIMEOUT_S
        while any(os.path.exists(f"/proc/{pid}") for pid in kernel.members) and time.monotonic() < deadline:
            time.sleep(0.01)

    def members(self, kernel: ForkedKernel) -> list[int]:
        """Return the kernel's processes: its descendants and, without namespaces, those of its session."""
        parents, sessions = {}, {}
        for name in os.listdir("/proc"):
            if name.isdigit():
                with contextlib.suppress(OSError, ValueError, IndexError):
                    fields = memory.text_of(f"/proc/{name}/stat").rpartition(")")[2].split()
                    parents[int(name)] = int(fields[1])
                    if fields[0] != "Z" or int(fields[17]) > 1:  # it has not ended, or only its first thread has
                        sessions[int(name)] = int(fields[3])
        family = set(kernel.members) & parents.keys() if kernel.pid == 0 else {kernel.pid}
        while more := {pid for pid, parent in parents.items() if parent in family} - family:
            family |= more
        family |= {pid for pid, session in sessions.items() if session == kernel.pid and kernel.pid}
        kernel.members = sorted(family - {kernel.pid, os.getpid()})
        kernel.sessions = len({sessions[pid] for pid in kernel.members if pid in sessions})
        return kernel.members


def send(message: dict[str, Any]) -> None:
    """Write an event to standard output in one piece."""
    line = json.dumps(message).encode() + b"\n"
    while line:
        line = line[os.write(1, line) :]


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the grader handles Ctrl-C
    ForkServer(json.loads(sys.argv[1])).serve()
    os._exit(0)  # Python's own end takes most of a second after these imports
