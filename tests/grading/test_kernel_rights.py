"""What a kernel in the sandbox may not do: system calls that are refused, programs that are not there."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventlab.grading.environment.fork_server import ForkServer
from eventlab.stack import java
from tests.grading.forked_kernels import needs_bubblewrap, printed, ready, running_fork_server

pytestmark = pytest.mark.services
REFUSED = """
import ctypes, os
def error_of(call, *words):
    try:
        call(*words)
    except OSError as error:
        return error.errno
    return 0
libc = ctypes.CDLL(None, use_errno=True)
def unshared():
    return ctypes.get_errno() if libc.unshare(0x10000000) else 0
print(error_of(os.memfd_create, "held"), error_of(os.sched_setaffinity, 0, {0}), unshared())
"""
ZERO_COPY = """
import mmap, os, socket
server = socket.create_server(("127.0.0.1", 0))
sender = socket.create_connection(server.getsockname())
sender.setsockopt(socket.SOL_SOCKET, 60, 1)  # SO_ZEROCOPY
area = mmap.mmap(-1, 1 << 16, mmap.MAP_PRIVATE)
area[:1] = b"x"
try:
    print("SENT", sender.send(memoryview(area)[:1], 0x4000000))  # MSG_ZEROCOPY
except OSError as error:
    print(os.strerror(error.errno))
"""
RUNS_ON = """
import ctypes, fcntl, signal, socket, struct, threading, time
libc = ctypes.CDLL(None)
timer = ctypes.c_void_p()
event = struct.pack("qii48x", 0, signal.SIGCONT, 0)  # struct sigevent
if libc.timer_create(time.CLOCK_MONOTONIC, event, ctypes.byref(timer)) == 0:
    libc.timer_settime(timer, 0, struct.pack("4q", 0, 50_000_000, 0, 50_000_000), None)
moments = []
def run():
    while True:
        moments.append(time.monotonic())
        time.sleep(0.01)
threading.Thread(target=run, daemon=True).start()
"""
ZEROS = """
import mmap, os
with open("/dev/zero", "r+b", 0) as zeros:
    try:
        area = mmap.mmap(zeros.fileno(), 1 << 16)
        print("MAPPED", area[:1])
    except OSError as error:
        print(os.strerror(error.errno), zeros.read(2))
"""
IN_A_CHILD = (
    f"import subprocess, sys\nprint(subprocess.check_output([sys.executable, '-c', {REFUSED!r}], text=True))"
)


@pytest.fixture(scope="module")
def fork_server() -> Iterator[ForkServer]:
    with running_fork_server(contained=True) as running:
        yield running


@needs_bubblewrap
def test_calls_that_hide_memory_or_leave_a_namespace_are_refused_in_a_kernel(fork_server: ForkServer) -> None:
    for kernel in ready(fork_server):
        assert [printed(kernel, source) for source in (REFUSED, IN_A_CHILD)] == ["38 1 1"] * 2


@needs_bubblewrap
def test_a_kernel_creates_no_file_in_the_folder_of_its_sockets(fork_server: ForkServer) -> None:
    """That folder is on the disk of the machine, outside the folders that have a limit."""
    for kernel in ready(fork_server):
        created = kernel.execute("open('/kernel/planted', 'w')", 20)
        assert created.error == "OSError: [Errno 30] Read-only file system: '/kernel/planted'"
        assert sorted(path.name.partition("-")[0] for path in kernel.process.folder.iterdir()) == [
            "connection.json",
            *["s"] * 5,
        ]


@needs_bubblewrap
def test_zeros_can_be_read_but_not_mapped_as_shared_memory(fork_server: ForkServer) -> None:
    for kernel in ready(fork_server):
        assert printed(kernel, ZEROS) == r"No such device b'\x00\x00'"


@needs_bubblewrap
def test_of_javas_programs_a_kernel_sees_only_java(fork_server: ForkServer) -> None:
    folders = {str(java.find().home.resolve()), *(str(path.resolve()) for path in Path("/usr/lib/jvm").glob("*"))}
    bins = sorted(f"{folder}/bin" for folder in folders if Path(folder, "bin").is_dir())
    seen = f"import os; print({{name for folder in {bins} for name in os.listdir(folder)}})"
    for kernel in ready(fork_server):
        assert printed(kernel, seen) == "{'java'}"


@needs_bubblewrap
def test_a_socket_holds_no_page_of_a_kernel(fork_server: ForkServer) -> None:
    """Else one byte in a socket holds a large page that is no longer mapped, and counts for no process."""
    for kernel in ready(fork_server):
        assert printed(kernel, ZERO_COPY) == "No buffer space available"


@needs_bubblewrap
def test_a_suspended_kernel_does_not_wake_itself_by_a_timer(fork_server: ForkServer) -> None:
    for kernel in ready(fork_server):
        printed(kernel, RUNS_ON)
        with kernel.process.suspended():
            time.sleep(0.2)
            begin = time.monotonic()
            time.sleep(1)
            end = time.monotonic()
        meanwhile = f"len([moment for moment in moments if {begin} < moment < {end}])"
        assert printed(kernel, f"time.sleep(0.2); print({meanwhile}, len(moments) > 5)") == "0 True"
