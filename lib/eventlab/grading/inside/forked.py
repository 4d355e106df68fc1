"""Turn a forked process into a student's kernel: namespaces, empty folders, limits, another user."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import rights

END_TIMEOUT_S = 5
"""How long the processes of the same user's last kernel may take to end."""
WORK, HOME = "/submission", "/home/student"
FRESH = {WORK: 0o755, HOME: 0o700, "/tmp": 0o1777, "/dev/shm": 0o1777}
SCRATCH = "/scratch"
"""The file system that the fresh folders share: their limits are limits of them all."""
NICENESS = 5
"""With this niceness, a cell that never ends leaves most of its processor to services, where Linux compares the
niceness of all processes. With the autogroup feature it compares within a session only, and a kernel has its own.
https://man7.org/linux/man-pages/man7/sched.7.html"""
KERNEL_CALLS = ("setsid",)
"""A `!command` of IPython needs a session for its terminal. `kernels.py` limits the number of sessions."""
MAX_FILES = 20_000
MAX_TERMINALS = 64
"""The machine has 4,096 for everybody; each `!command` of IPython uses one."""
MAX_MESSAGE_BYTES = 16 * 1024**2
"""Of an output; the grader accepts twice as much (`execution/kernel.py`)."""
MAX_TEXT = 1024**2
"""Characters of each text in a message that is larger. The grader keeps fewer."""
RESERVED = 3 * 1024**3
"""Further address space: threads and the JVMs of commands reserve some that they never use."""


def fork_with_retries() -> int:
    """Fork, and retry while the processes of the same user's last kernel are still ending."""
    deadline = time.monotonic() + END_TIMEOUT_S
    while True:
        try:
            return os.fork()
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def become_kernel(options: dict[str, Any], id: str, report_fd: int, others: Iterable[int]) -> None:
    """Enter new namespaces in the forked process and start process 1 in them; does not return.

    Args:
        options: The options of the fork server.
        id: The kernel.
        report_fd: The descriptor to report to.
        others: Descriptors of the fork server that a kernel must not have.
    """
    try:
        for descriptor in others:
            os.close(descriptor)
        os.setsid()
        quiet()
        if options["namespaces"]:
            rights.unshare(rights.CLONE_NEWPID | rights.CLONE_NEWNS | rights.CLONE_NEWIPC)
        pid = os.fork()
        if pid == 0:
            become_process_1(options, id, report_fd)
        os.close(report_fd)
        rights.end_with_parent()
        _, status = os.waitpid(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        os._exit(code if code >= 0 else 128 - code)
    except BaseException as error:
        exit_with(error, report_fd)


def become_process_1(options: dict[str, Any], id: str, report_fd: int) -> None:
    """Become process 1 of the namespace: start the kernel and end with it; does not return."""
    try:
        seen_from_outside = os.readlink("/proc/self")  # /proc is still the outer one
        sealing = None
        if options["namespaces"]:
            fresh_folders(options, id)
            sealing = sealer(report_fd)
        stay_on_processor(options)
        os.nice(NICENESS)
        rights.limit(limits_of(options))
        rights.give_up(options["uid"])
        rights.restrict_calls(KERNEL_CALLS, required=options["namespaces"])
        rights.end_with_parent()
        kernel = fork_with_retries()
        if kernel == 0:
            os.close(report_fd)
            rights.end_with_parent()  # a namespace would end it, too
            run_kernel(options, id, sealing)
        if sealing:
            sealing.close()
        os.write(report_fd, f"{seen_from_outside}\n".encode())
        os.close(report_fd)
        while True:
            pid, status = os.wait()
            if pid == kernel:
                code = os.waitstatus_to_exitcode(status)
                os._exit(code if code >= 0 else 128 - code)
    except BaseException as error:
        exit_with(error, report_fd)


def exit_with(error: BaseException, report_fd: int) -> None:
    """Report the error to the process that forked this one, and end."""
    with contextlib.suppress(OSError):
        os.write(report_fd, f"{type(error).__name__}: {error}\n".encode())
    os._exit(70)


def fresh_folders(options: dict[str, Any], id: str) -> None:
    """Mount empty folders of limited size, so that nothing of an earlier student is visible."""
    rights.mount("none", "/", flags=rights.MS_REC | rights.MS_PRIVATE)
    rights.mount(f"{options['kernels']}/{id}", "/kernel", flags=rights.MS_BIND)
    rights.mount("none", options["kernels"], "tmpfs", rights.MS_NOSUID | rights.MS_NODEV, "size=4k,mode=0700")
    rights.mount("/tmp", "/before", flags=rights.MS_BIND | rights.MS_REC)
    mount_options = f"size={options['size']},mode=0755,nr_inodes={MAX_FILES}"
    rights.mount("none", SCRATCH, "tmpfs", rights.MS_NOSUID | rights.MS_NODEV, mount_options)
    for number, (folder, mode) in enumerate(FRESH.items()):
        part = f"{SCRATCH}/{number}"
        os.mkdir(part)
        os.chmod(part, mode)
        if mode != 0o1777 and os.geteuid() == 0 and options["uid"]:
            os.chown(part, options["uid"], options["uid"])
        rights.mount(part, folder, flags=rights.MS_BIND)
    rights.mount("none", SCRATCH, "tmpfs", rights.MS_NOSUID | rights.MS_NODEV, "size=4k,mode=0700")
    for path in options["keep"]:  # a kit below /tmp must stay visible
        before = f"/before{path.removeprefix('/tmp')}"
        os.makedirs(path if os.path.isdir(before) else os.path.dirname(path), mode=0o755, exist_ok=True)
        if not os.path.isdir(before):
            Path(path).touch()
        rights.mount(before, path, flags=rights.MS_BIND | rights.MS_REC)
    rights.mount("none", "/before", "tmpfs", rights.MS_NOSUID | rights.MS_NODEV, "size=4k,mode=0700")
    terminals = f"newinstance,ptmxmode=0666,mode=0620,max={MAX_TERMINALS}"
    rights.mount("devpts", "/dev/pts", "devpts", rights.MS_NOSUID | rights.MS_NOEXEC, terminals)
    rights.mount("proc", "/proc", "proc", rights.MS_NOSUID | rights.MS_NODEV | rights.MS_NOEXEC)


def sealer(report_fd: int) -> socket.socket:
    """Start a process that makes the folder of the kernel's sockets read-only; return the socket to ask it.

    The kernel asks when its sockets exist, before it runs a cell. Afterwards the worker can still connect, and the
    student's code cannot create files there.
    """
    ours, theirs = socket.socketpair()
    if os.fork() == 0:
        os.close(report_fd)
        ours.close()
        if theirs.recv(1):
            flags = rights.MS_REMOUNT | rights.MS_BIND | rights.MS_RDONLY | rights.MS_NOSUID | rights.MS_NODEV
            rights.mount("none", "/kernel", flags=flags)
            theirs.send(b"1")
        os._exit(0)
    theirs.close()
    return ours


def stay_on_processor(options: dict[str, Any]) -> None:
    """Run on one processor only: many busy processes must not slow down other workers' submissions.

    The filter of system calls keeps the process there.
    """
    with contextlib.suppress(AttributeError, OSError):
        processors = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {processors[options.get("processor", 0) % len(processors)]})


def limits_of(options: dict[str, Any]) -> dict[str, int]:
    """Return the resource limits; the limit of the address space is added to what the imports use."""
    processes = rights.room_for(options["limits"]["NPROC"], options["uid"], options["namespaces"])
    return options["limits"] | {"AS": rights.address_space() + RESERVED + options["memory"], "NPROC": processes}


def workdir_without_namespaces(options: dict[str, Any], id: str) -> str:
    """Return the working folder of a kernel without namespaces."""
    return f"{options['kernels']}/{id}/work"


def run_kernel(options: dict[str, Any], id: str, sealing: socket.socket | None) -> None:
    """Run the kernel in the student's process; does not return."""
    try:
        own = "/kernel" if options["namespaces"] else f"{options['kernels']}/{id}"
        os.chdir(WORK if options["namespaces"] else workdir_without_namespaces(options, id))
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("1000")
        if numpy := sys.modules.get("numpy"):
            numpy.random.seed()
        sys.path[:] = [entry for entry in sys.path if entry != os.path.dirname(os.path.abspath(__file__))]
        sys.path.insert(0, "")
        serve(f"{own}/connection.json", sealing)
    except SystemExit:
        os._exit(0)
    except BaseException:
        with contextlib.suppress(Exception):
            Path(own, "start-error").write_text(traceback.format_exc())
        os._exit(71)
    os._exit(0)


def serve(connection: str, sealing: socket.socket | None) -> None:
    """Run ipykernel with a connection file; its folder is made read-only before the first cell.

    Outputs wait until they are read: without NODROP the socket drops those of a cell that prints much, and with
    them an answer.
    """
    import zmq
    from ipykernel.kernelapp import IPKernelApp

    sys.argv = ["ipykernel_launcher", "-f", connection]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    app = IPKernelApp.instance()
    app.initialize(["-f", connection, "--IPKernelApp.log_level=CRITICAL", "--HistoryManager.enabled=False"])
    shorten_messages(app.session)
    outputs = app.iopub_thread
    outputs.schedule(lambda: outputs.socket.setsockopt(zmq.XPUB_NODROP, 1))
    if sealing:
        sealing.send(b"1")
        if not sealing.recv(1):
            raise OSError("the folder of the kernel's sockets could not be made read-only")
        sealing.close()
    app.start()


def shorten_messages(session: Any) -> None:
    """Shorten the texts of a large message: for a larger one than it accepts, the grader closes the connection.

    A later answer in the same cell would then be lost.
    """
    serialize = session.serialize

    def serialize_shortened(message: dict[str, Any], ident: Any = None) -> list[bytes]:
        parts = serialize(message, ident)
        if sum(map(len, parts)) > MAX_MESSAGE_BYTES:
            parts = serialize({**message, "content": shortened(message["content"])}, ident)
        return parts

    session.serialize = serialize_shortened


def shortened(value: Any) -> Any:
    """Return a value of JSON whose texts have at most MAX_TEXT characters."""
    if isinstance(value, str) and len(value) > MAX_TEXT:
        return f"{value[:MAX_TEXT]}\n[more output was dropped]\n"
    if isinstance(value, dict):
        return {name: shortened(part) for name, part in value.items()}
    return [shortened(part) for part in value] if isinstance(value, list) else value


def quiet() -> None:
    """Replace standard input, output and error: they carry the protocol, not the student's output."""
    with open(os.devnull, "r+b") as nothing:
        for number in (0, 1, 2):
            os.dup2(nothing.fileno(), number)
