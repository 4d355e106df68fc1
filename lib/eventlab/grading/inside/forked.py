"""What a forked process does until it is a student's kernel: namespaces, empty folders, limits, another user."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import rights

PATIENCE_S = 5
"""How long the processes of the same user's last kernel may take to end."""
WORK, HOME = "/submission", "/home/student"
FRESH = {WORK: "0755", HOME: "0700", "/tmp": "1777", "/dev/shm": "1777"}
PAGE = os.sysconf("SC_PAGE_SIZE")
SLACK = 768 * 1024 * 1024
"""Address space beyond what is used: every thread reserves some that it never touches."""


def fork_patiently() -> int:
    """Fork, and retry while the processes of the same user's last kernel are still ending."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return os.fork()
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def become_kernel(wanted: dict[str, Any], id: str, tell: int) -> None:
    """Enter new namespaces in the forked process and start process 1 in them; does not return."""
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
        exit_with(error, tell)


def be_first(wanted: dict[str, Any], id: str, tell: int) -> None:
    """Be process 1 of the namespace: start the kernel and end with it; does not return."""
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
        exit_with(error, tell)


def exit_with(error: BaseException, tell: int) -> None:
    """Report the error to the process that forked this one, and end."""
    with contextlib.suppress(OSError):
        os.write(tell, f"{type(error).__name__}: {error}\n".encode())
    os._exit(70)


def fresh_folders(wanted: dict[str, Any], id: str) -> None:
    """Mount empty folders of limited size, so that nothing of an earlier student is visible."""
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
    """Return the resource limits; the limit of the address space is added to what the imports use."""
    size = int(Path("/proc/self/statm").read_text().split()[0]) * PAGE
    processes = rights.room_for(wanted["limits"]["NPROC"], wanted["uid"], wanted["namespaces"])
    return wanted["limits"] | {"AS": size + SLACK + wanted["memory"], "NPROC": processes}


def first_folder(wanted: dict[str, Any], id: str) -> str:
    """Return the working folder of a kernel without namespaces."""
    return f"{wanted['kernels']}/{id}/work"


def run_kernel(wanted: dict[str, Any], id: str) -> None:
    """Run the kernel in the student's process; does not return."""
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
    """Run ipykernel with a connection file."""
    from ipykernel.kernelapp import IPKernelApp

    sys.argv = ["ipykernel_launcher", "-f", connection]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    app = IPKernelApp.instance()
    app.initialize(["-f", connection, "--IPKernelApp.log_level=CRITICAL", "--HistoryManager.enabled=False"])
    app.start()


def quiet() -> None:
    """Replace standard input, output and error: they carry the protocol, not the student's output."""
    with open(os.devnull, "r+b") as nothing:
        for number in (0, 1, 2):
            os.dup2(nothing.fileno(), number)
