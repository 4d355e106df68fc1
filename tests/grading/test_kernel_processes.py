"""Processes of a kernel that come and go, or wake each other: they are suspended and measured like any other."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest

from eventlab.grading.environment.fork_server import ForkServer
from tests.grading import short_processes
from tests.grading.forked_kernels import needs_bubblewrap, printed, ready, running_fork_server
from tests.helpers import wait_until

pytestmark = [pytest.mark.services, needs_bubblewrap]
x86_64 = pytest.mark.skipif(os.uname().machine != "x86_64", reason="the program is for x86_64")
WAKE_EACH_OTHER = """
import os, signal, time
moments, processes = os.open("moments", os.O_WRONLY | os.O_CREAT | os.O_APPEND), []
for _ in range(4):
    pid = os.fork()
    if pid == 0:
        begins = time.monotonic()
        while True:
            for other in processes:
                os.kill(other, signal.SIGCONT)
            if time.monotonic() > begins + 0.002:
                begins = time.monotonic()
                os.write(moments, b"x")
    processes.append(pid)
time.sleep(0.3)
"""
"""Each process writes to the file while it runs. All have one processor."""
SHORT_PROCESSES = Path(short_processes.__file__).read_text()
GO_ON_IN_NEW_ONES = f"""
{SHORT_PROCESSES}
start_short_processes(1, open("moments", "w"))
import time; time.sleep(0.3)
"""
IN_PYTHON = """
import os, subprocess, sys, time
idle = "import os, time; files = [os.open('/dev/null', 0) for _ in range(900)]; time.sleep(60)"
others = [subprocess.Popen([sys.executable, "-c", idle]) for _ in range(20)]  # it takes long to look at them
if os.fork() == 0:
    held = b"x" * 500 * 2**20
    while True:
        time.sleep(0.02)
        if os.fork():
            os._exit(0)
time.sleep(20)
"""
HOLD_MEMORY = f"""
{SHORT_PROCESSES}
start_short_processes(1500)
import time; time.sleep(20)
"""
SHARES_MEMORY = """
import os, subprocess, sys, time
os.mkfifo("late")
program = '''
import os
held = b"x" * 200 * 2**20
print(flush=True)
reads = (os.POSIX_SPAWN_OPEN, 9, "late", os.O_RDONLY, 0)
print(os.posix_spawn("/bin/true", ["true"], {}, file_actions=[reads]))
'''
process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
process.stdout.readline()
time.sleep(1)
open("late", "w").close()
print(process.wait(), process.stdout.read() != b"")
"""
"""Until it executes `true`, the new process has the memory of the one that starts it (vfork(2)): a second here."""


@pytest.fixture(scope="module")
def fork_server() -> Iterator[ForkServer]:
    with running_fork_server(contained=True) as running:
        yield running


@pytest.mark.parametrize(
    "program", [WAKE_EACH_OTHER, pytest.param(GO_ON_IN_NEW_ONES, marks=x86_64)], ids=["wake", "go on"]
)
def test_nothing_of_a_suspended_kernel_runs_and_all_of_it_goes_on_afterwards(
    fork_server: ForkServer, program: str
) -> None:
    for kernel in ready(fork_server):
        moments = partial(lambda process: len(process.files()["moments"]), kernel.process)
        assert kernel.execute(program, 20).ended == "done"
        wait_until(partial(lambda moments: moments() > 10, moments))
        for _ in range(5):
            with kernel.process.suspended():
                begin = moments()
                time.sleep(0.1)
                assert moments() == begin
            assert kernel.process.exit_reason is None
            wait_until(partial(lambda moments, begin: moments() > begin, moments, begin))


def test_a_process_of_a_suspended_kernel_that_is_woken_ends_the_kernel(fork_server: ForkServer) -> None:
    for kernel in ready(fork_server):
        printed(kernel, "import threading\nthreading.Thread(target=lambda: [1 for _ in iter(int, 1)]).start()")
        with kernel.process.suspended():
            for process in psutil.Process(fork_server._process.pid).children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):  # the first of them ends the kernel
                    if process.status() == psutil.STATUS_STOPPED:
                        process.resume()
            assert fork_server.wait_until_ended(kernel.process.id, 20)
        assert kernel.process.exit_reason == "suspension"


@pytest.mark.parametrize(
    "program", [IN_PYTHON, pytest.param(HOLD_MEMORY, marks=x86_64)], ids=["shorter than a look", "very short"]
)
def test_memory_that_short_processes_hold_ends_a_kernel(fork_server: ForkServer, program: str) -> None:
    for kernel in ready(fork_server):
        kernel.execute(program, 60)
        assert kernel.process.exit_reason == "memory"


def test_memory_that_a_process_shares_with_the_one_that_starts_it_counts_once(fork_server: ForkServer) -> None:
    for kernel in ready(fork_server):
        assert printed(kernel, SHARES_MEMORY) == "0 True"


def test_a_kernel_that_ends_while_it_is_stopped_or_looked_at_has_ended_by_itself(fork_server: ForkServer) -> None:
    for _ in range(5):
        for kernel in ready(fork_server):
            ends = "import os, threading; threading.Timer(0.05, os._exit, [3]).start()"
            assert kernel.execute(ends, 20).ended == "done"
            with kernel.process.suspended():
                pass
            assert fork_server.wait_until_ended(kernel.process.id, 20)
            assert kernel.process.exit_reason == "exit 3"
