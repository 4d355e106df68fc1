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

import contextlib
import importlib
import json
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

import forked
import hiding
import lines
import memory
import workdir_files
from forked_kernel import ForkedKernel

WATCH_S = 0.1
END_S = 0.01
"""How long to wait before the next look at a kernel that was killed."""
LOCKS_EVERY_S = 1
"""Locks of files are counted once a second: that disturbs other programs, and a lock takes little memory."""
MAX_SESSIONS = 7
"""How many sessions the kernels may have together besides the first one of each. Each `!command` has one while it
runs. Linux divides a processor among sessions (autogroup in sched(7)): many would take it from other workers."""
START_S = 60
"""How long the process that becomes a kernel may take to start it."""
MAX_FAILURE_S = 10
"""After so long without a look that did not fail, the fork server ends."""


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
        reader, failing_since = lines.LineReader(0), float("inf")
        while not reader.ended and time.monotonic() - failing_since < MAX_FAILURE_S:
            line = reader.line(self.pause_s())
            try:
                if line is not None:
                    request = json.loads(line)
                    getattr(self, request.pop("do"))(**request)
                self.watch()
                failing_since = float("inf")
            except OSError as error:  # for example, the system has no process or descriptor left
                log(f"{type(error).__name__}: {error}")
                failing_since = min(failing_since, time.monotonic())
        for kernel_id in list(self.kernels):
            self.kill(kernel_id)

    def pause_s(self) -> float:
        """Return how long to wait for a request before the next look at the kernels."""
        ending = any(kernel.why and not kernel.has_ended for kernel in self.kernels.values())
        return END_S if ending else WATCH_S if self.kernels else 5

    def start(self, id: str) -> None:
        """Fork a kernel, and go on watching the others until it has started."""
        others = [descriptor for kernel in self.kernels.values() for descriptor in kernel.descriptors]
        kernel = self.kernels[id] = ForkedKernel(0, is_starting=True)
        kernel.short.counts_all = self.options["namespaces"]
        try:
            read_end, write_end = os.pipe()
            with os.fdopen(read_end, "rb") as report:
                try:
                    kernel.pid = os.fork()
                    if kernel.pid == 0:
                        forked.become_kernel(self.options, id, write_end, [read_end, *others])
                finally:
                    os.close(write_end)
                deadline = time.monotonic() + START_S
                while not (answers := select.select([report], [], [], WATCH_S)[0]):
                    if time.monotonic() > deadline:
                        break
                    with contextlib.suppress(OSError):  # not of this kernel
                        self.watch()
                # The id, as seen from here, of process 1 in the namespaces.
                first = report.readline().decode().strip() if answers else ""
            self.open_folders(kernel, id, first)
        except OSError as error:  # the system has no process or descriptor left
            kernel.why = f"{type(error).__name__}: {error}"
        finally:
            kernel.is_starting = False

    def open_folders(self, kernel: ForkedKernel, id: str, first: str) -> None:
        """Open the working folder and the namespace of a kernel that has started.

        Args:
            kernel: The kernel.
            id: Its id.
            first: The id of process 1 in its namespace, or why it was not started.
        """
        if not first.isdigit():
            kernel.why = first or "could not be started"
            return
        with contextlib.suppress(OSError):
            if self.options["namespaces"]:
                kernel.namespace = os.open(f"/proc/{first}/ns/pid", os.O_RDONLY)
                root = f"/proc/{first}/root{forked.WORK}"
            else:
                root = forked.workdir_without_namespaces(self.options, id)
            kernel.folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)

    def write(self, id: str, source: str) -> None:
        """Put the submission's files beside the notebook, before any of its code runs.

        Args:
            id: The kernel.
            source: A JSON file with the files as base64, by name.
        """
        kernel = self.kernels.get(id)
        folder = kernel.folder if kernel else None
        if folder is not None:
            self.in_child(lambda: workdir_files.write_all(folder, source, self.options["uid"]))

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
        kernel.signal(signal.SIGKILL, kernel.pid)

    def signal(self, id: str, number: int) -> None:
        """Suspend a kernel and all that it started (SIGSTOP), or resume them (SIGCONT).

        A kernel whose processes do not stop is killed.
        """
        kernel = self.kernels.get(id)
        if kernel is None or not kernel.pid:
            return
        kernel.is_suspended = number == signal.SIGSTOP
        if not kernel.is_suspended:
            kernel.resume()
        elif not kernel.stop():
            self.kill(id, "suspension")

    def forget(self, id: str) -> None:
        """Close the descriptors of a kernel that has ended."""
        if kernel := self.kernels.pop(id, None):
            kernel.close()

    def watch(self) -> None:
        """Report kernels that have ended, and kill those that exceed a limit.

        Raises:
            OSError: The system refused something while a kernel was looked at; the others were looked at.
        """
        count_locks = time.monotonic() - self.locks_counted_s >= LOCKS_EVERY_S
        if count_locks:
            self.locks_counted_s = time.monotonic()
        failure = None
        for id, kernel in list(self.kernels.items()):
            if not kernel.is_starting and not kernel.has_ended:
                try:
                    self.look(id, kernel, count_locks)
                except OSError as error:
                    failure = error
        if failure:
            raise failure

    def look(self, id: str, kernel: ForkedKernel, count_locks: bool) -> None:
        """Report that a kernel has ended, or kill it when it exceeds a limit."""
        if kernel.pid:
            kernel.note_end()
        if not kernel.pid:
            self.report_end(id, kernel)
        elif exceeded := kernel.why or self.exceeded(id, kernel, count_locks):
            self.kill(id, exceeded)
        elif kernel.is_stopped and not kernel.is_suspended:
            kernel.resume()

    def report_end(self, id: str, kernel: ForkedKernel) -> None:
        """Report the end of a kernel when all its processes have ended; without a namespace, kill them.

        Until then, for example a fork bomb's processes count against the limit of the same user's next kernel.
        """
        if not self.options["namespaces"]:
            kernel.signal(signal.SIGKILL)
        elif kernel.has_processes():
            return
        kernel.has_ended = True
        send({"event": "ended", "id": id, "why": kernel.why})

    def exceeded(self, id: str, kernel: ForkedKernel, count_locks: bool) -> str:
        """Return the limit that the processes of a kernel exceed, or "".

        When some have begun or ended meanwhile, all are stopped for another look.
        """
        if kernel.is_suspended:
            return "suspension" if kernel.runs() else self.found(id, kernel, count_locks)
        before = kernel.short.state(kernel.find_members())
        exceeded = self.found(id, kernel, count_locks)
        if not exceeded and kernel.short.must_stop(before, kernel.find_members()):
            exceeded = self.found(id, kernel, count_locks) if kernel.stop() else "suspension"
        return exceeded

    def found(self, id: str, kernel: ForkedKernel, count_locks: bool) -> str:
        """Return the limit that the processes that are there now exceed, or ""."""
        scratch = kernel.folder if self.options["namespaces"] else None
        hiding.kill_without_first_thread(kernel.find_members())
        members = kernel.find_members()
        if members and memory.holds_more(members, self.options["memory"], scratch, count_locks=count_locks):
            kernel.signal(signal.SIGSTOP)
            log(f"{id} holds too much memory: {memory.described(members, scratch)}")
            return "memory"
        if len(members) > self.options["limits"]["NPROC"]:
            return "processes"  # the limit has no effect on root, where there is no other user
        return "sessions" if kernel.sessions > 1 and self.further_sessions() > MAX_SESSIONS else ""

    def further_sessions(self) -> int:
        """Return how many sessions the kernels have, without the first one of each."""
        return sum(
            max(0, kernel.sessions - 1) for kernel in self.kernels.values() if kernel.pid and not kernel.why
        )


def send(message: dict[str, Any]) -> None:
    """Write an event to standard output in one piece."""
    line = json.dumps(message).encode() + b"\n"
    while line:
        line = line[os.write(1, line) :]


def log(text: str) -> None:
    """Write a line to standard error, which may be on a full disk."""
    with contextlib.suppress(OSError):
        print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the grader handles Ctrl-C
    ForkServer(json.loads(sys.argv[1])).serve()
    os._exit(0)  # Python's own end takes most of a second after these imports
