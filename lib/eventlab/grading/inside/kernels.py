"""Students' kernels, forked from one process that has imported everything already.

An import of pyspark, pandas and matplotlib costs more than most submissions run; a fork costs nothing. Each fork
gets process and mount namespaces, empty folders, limits and another user before its kernel starts. This process
runs no student's code. It obeys lines of JSON on standard input and reports on standard output:

    {"do": "start", "id": "k1"}            {"event": "ended", "id": "k1", "why": "exit 0" | "signal 9" | "memory"}
    {"do": "write", "id": "k1", "files": {...}}
    {"do": "files", "id": "k1"}            {"event": "files", "id": "k1", "files": {...}}
    {"do": "kill", "id": "k1"}
    {"do": "forget", "id": "k1"}
"""

from __future__ import annotations

import base64
import contextlib
import importlib
import json
import os
import select
import signal
import sys
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import beside
import memory
import rights

WATCH_S = 0.1
FORK_PATIENCE_S = 5
WORK, HOME = "/submission", "/home/student"
FRESH = {WORK: "0755", HOME: "0700", "/tmp": "1777", "/dev/shm": "1777"}
PAGE = os.sysconf("SC_PAGE_SIZE")
SLACK = 768 * 1024 * 1024
"""Address space beyond what is used: every thread reserves some that it never touches."""


@dataclass
class ForkedKernel:
    """A forked kernel: the process that waits for it, and its working folder, kept open."""

    pid: int
    folder: int | None = None
    why: str | None = None
    members: list[int] = field(default_factory=list)


class ForkServer:
    """The kernels, by id."""

    def __init__(self, wanted: dict[str, Any]) -> None:
        self.wanted = wanted
        self.kernels: dict[str, ForkedKernel] = {}

    def serve(self) -> None:
        for name in self.wanted["imports"]:
            with contextlib.suppress(Exception):
                importlib.import_module(name)
        say({"event": "warm"})
        buffer = b""
        while True:
            ready, _, _ = select.select([0], [], [], WATCH_S if self.kernels else 5)
            if ready:
                chunk = os.read(0, 1 << 20)
                if not chunk:
                    break
                *lines, buffer = (buffer + chunk).split(b"\n")
                for line in lines:
                    order = json.loads(line)
                    getattr(self, order.pop("do"))(**order)
            self.watch()
        for kernel_id in list(self.kernels):
            self.kill(kernel_id)

    def start(self, id: str) -> None:
        read_end, write_end = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(read_end)
            become_kernel(self.wanted, id, write_end)
        os.close(write_end)
        with os.fdopen(read_end, "rb") as said:
            first = said.readline().decode().strip()  # the id, as seen from here, of a process in the namespaces
        kernel = self.kernels[id] = ForkedKernel(pid)
        if first.isdigit():
            with contextlib.suppress(OSError):
                root = f"/proc/{first}/root{WORK}" if self.wanted["namespaces"] else first_folder(self.wanted, id)
                kernel.folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        else:
            kernel.why = first or "could not be started"

    def write(self, id: str, files: dict[str, str]) -> None:
        """Put the submission's files beside the notebook, before any of its code runs."""
        opened = self.kernels[id].folder
        if opened is None:
            return
        for name, content in files.items():
            with contextlib.suppress(OSError):
                beside.write_below(opened, name, base64.b64decode(content), self.wanted["uid"])

    def files(self, id: str) -> None:
        """Tell what lies beside the notebook: plain files, none large; links are not followed."""
        kernel = self.kernels.get(id)
        found = beside.plain_files(kernel.folder) if kernel and kernel.folder is not None else {}
        say({"event": "files", "id": id, "files": found})

    def kill(self, id: str, why: str = "killed") -> None:
        kernel = self.kernels.get(id)
        if kernel is None or not kernel.pid:
            return
        kernel.why = kernel.why or why
        for pid in [kernel.pid, *self.members(kernel)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def forget(self, id: str) -> None:
        """The kernel has ended and its files are of no more interest."""
        kernel = self.kernels.pop(id, None)
        if kernel and kernel.folder is not None:
            os.close(kernel.folder)

    def watch(self) -> None:
        """Report who ended, and end who holds more memory than allowed."""
        for id, kernel in list(self.kernels.items()):
            if not kernel.pid:
                continue
            pid, status = os.waitpid(kernel.pid, os.WNOHANG)
            if pid:
                code = os.waitstatus_to_exitcode(status)
                self.end_rest(kernel)
                kernel.pid = 0
                ended = f"signal {code - 128}" if code > 128 else f"signal {-code}" if code < 0 else f"exit {code}"
                say({"event": "ended", "id": id, "why": kernel.why or ended})
            elif (members := self.members(kernel)) and memory.holds_more(members, self.wanted["memory"]):
                self.kill(id, "memory")
            elif len(members) > self.wanted["limits"]["NPROC"]:
                self.kill(id, "processes")  # as root, where no other user can be had, the limit does not bind

    def end_rest(self, kernel: ForkedKernel) -> None:
        """Without a namespace, what the kernel started does not end with it; with one, it takes a moment.

        Until then a fork bomb's processes count against the limit of the same user's next kernel.
        """
        if not self.wanted["namespaces"]:
            for pid in self.members(kernel):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return
        deadline = time.monotonic() + FORK_PATIENCE_S
        while any(os.path.exists(f"/proc/{pid}") for pid in kernel.members) and time.monotonic() < deadline:
            time.sleep(0.01)

    def members(self, kernel: ForkedKernel) -> list[int]:
        """The kernel's processes: its descendants, and without namespaces whoever it left in its session."""
        parents, sessions = {}, {}
        for name in os.listdir("/proc"):
            if name.isdigit():
                with contextlib.suppress(OSError, ValueError, IndexError):
                    fields = Path("/proc", name, "stat").read_text().rpartition(")")[2].split()
                    parents[int(name)], sessions[int(name)] = int(fields[1]), int(fields[3])
        family = set(kernel.members) & parents.keys() if kernel.pid == 0 else {kernel.pid}
        while more := {pid for pid, parent in parents.items() if parent in family} - family:
            family |= more
        family |= {pid for pid, session in sessions.items() if session == kernel.pid and kernel.pid}
        kernel.members = sorted(family - {kernel.pid, os.getpid()})
        return kernel.members


def fork_patiently() -> int:
    """os.fork(), while what the same user's last kernel has left (a fork bomb's) is still dying."""
    deadline = time.monotonic() + FORK_PATIENCE_S
    while True:
        try:
            return os.fork()
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def become_kernel(wanted: dict[str, Any], id: str, tell: int) -> None:
    """In the fork: namespaces, then a child that is process 1 in them, then the kernel as its child."""
    try:
        os.setsid()
        quiet()
        if wanted["namespaces"]:
            rights.unshare(rights.CLONE_NEWPID | rights.CLONE_NEWNS | rights.CLONE_NEWIPC)
        pid = os.fork()
        if pid == 0:
            be_first(wanted, id, tell)
        os.close(tell)
        rights.end_with_parent()
        _, status = os.waitpid(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        os._exit(code if code >= 0 else 128 - code)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.write(tell, f"{type(error).__name__}: {error}\n".encode())
        os._exit(70)


def be_first(wanted: dict[str, Any], id: str, tell: int) -> None:
    """Process 1 of the namespace: it waits until the kernel, its child, has ended; all others end with it."""
    try:
        seen_from_outside = os.readlink("/proc/self")  # /proc is still the outer one
        if wanted["namespaces"]:
            fresh_folders(wanted, id)
        rights.limit(limits_of(wanted))
        rights.give_up(wanted["uid"])
        rights.end_with_parent()
        kernel = fork_patiently()
        if kernel == 0:
            os.close(tell)
            run_kernel(wanted, id)
        os.write(tell, f"{seen_from_outside}\n".encode())
        os.close(tell)
        while True:
            pid, status = os.wait()
            if pid == kernel:
                code = os.waitstatus_to_exitcode(status)
                os._exit(code if code >= 0 else 128 - code)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.write(tell, f"{type(error).__name__}: {error}\n".encode())
        os._exit(70)


def fresh_folders(wanted: dict[str, Any], id: str) -> None:
    """Nothing of an earlier student, and of this one's files only what fits."""
    rights.mount("none", "/", flags=rights.MS_REC | rights.MS_PRIVATE)
    rights.mount(f"{wanted['kernels']}/{id}", "/kernel", flags=rights.MS_BIND)
    rights.mount("none", wanted["kernels"], "tmpfs", rights.MS_NOSUID | rights.MS_NODEV, "size=4k,mode=0700")
    rights.mount("/tmp", "/before", flags=rights.MS_BIND | rights.MS_REC)
    for folder, mode in FRESH.items():
        options = f"size={wanted['size']},mode={mode},nr_inodes=20000"
        rights.mount("none", folder, "tmpfs", rights.MS_NOSUID | rights.MS_NODEV, options)
        if mode != "1777" and os.geteuid() == 0 and wanted["uid"]:
            os.chown(folder, wanted["uid"], wanted["uid"])
    for path in wanted["keep"]:  # a kit that lies below /tmp is to be seen there still
        before = f"/before{path.removeprefix('/tmp')}"
        os.makedirs(path if os.path.isdir(before) else os.path.dirname(path), mode=0o755, exist_ok=True)
        if not os.path.isdir(before):
            Path(path).touch()
        rights.mount(before, path, flags=rights.MS_BIND | rights.MS_REC)
    rights.mount("none", "/before", "tmpfs", rights.MS_NOSUID | rights.MS_NODEV, "size=4k,mode=0700")
    rights.mount("proc", "/proc", "proc", rights.MS_NOSUID | rights.MS_NODEV | rights.MS_NOEXEC)


def limits_of(wanted: dict[str, Any]) -> dict[str, int]:
    """The limits, that of address space on top of what the imports take."""
    size = int(Path("/proc/self/statm").read_text().split()[0]) * PAGE
    processes = rights.room_for(wanted["limits"]["NPROC"], wanted["uid"], wanted["namespaces"])
    return wanted["limits"] | {"AS": size + SLACK + wanted["memory"], "NPROC": processes}


def first_folder(wanted: dict[str, Any], id: str) -> str:
    """Where a kernel works when there are no namespaces."""
    return f"{wanted['kernels']}/{id}/work"


def run_kernel(wanted: dict[str, Any], id: str) -> None:
    """The student's process: serve."""
    try:
        own = "/kernel" if wanted["namespaces"] else f"{wanted['kernels']}/{id}"
        os.chdir(WORK if wanted["namespaces"] else first_folder(wanted, id))
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("1000")
        if numpy := sys.modules.get("numpy"):
            numpy.random.seed()
        sys.path[:] = [entry for entry in sys.path if entry != os.path.dirname(os.path.abspath(__file__))]
        sys.path.insert(0, "")
        serve(f"{own}/connection.json")
    except SystemExit:
        os._exit(0)
    except BaseException:
        with contextlib.suppress(Exception):
            Path(own, "trouble").write_text(traceback.format_exc())
        os._exit(71)
    os._exit(0)


def serve(connection: str) -> None:
    from ipykernel.kernelapp import IPKernelApp

    sys.argv = ["ipykernel_launcher", "-f", connection]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    app = IPKernelApp.instance()
    app.initialize(["-f", connection, "--IPKernelApp.log_level=CRITICAL", "--HistoryManager.enabled=False"])
    app.start()


def quiet() -> None:
    """The protocol's standard input and output are not the student's."""
    with open(os.devnull, "r+b") as nothing:
        for number in (0, 1, 2):
            os.dup2(nothing.fileno(), number)


def say(message: dict[str, Any]) -> None:
    os.write(1, json.dumps(message).encode() + b"\n")


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is the grader's to act on
    ForkServer(json.loads(sys.argv[1])).serve()
