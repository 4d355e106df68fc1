"""Isolation without services: how the processes of a kernel are seen, and how many it may have."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from eventlab.grading.environment import sandbox
from eventlab.grading.environment.sandbox import MIB
from tests.helpers import wait_until

FIRST_THREAD_ENDS = """
import ctypes, os, sys, threading, time
held = b"x" * 64 * 2**20
def stay():
    while open(f"/proc/{os.getpid()}/stat").read().rpartition(")")[2].split()[0] != "Z":
        time.sleep(0.01)
    print("ended", flush=True)
    time.sleep(60)
threading.Thread(target=stay).start()
ctypes.CDLL(None).syscall({"x86_64": 60, "aarch64": 93}[os.uname().machine], 0)  # exit(2), of this thread only
"""


@pytest.mark.programs
@pytest.mark.skipif(os.uname().machine not in ("x86_64", "aarch64"), reason="the number of exit(2)")
def test_a_process_whose_first_thread_has_ended_is_seen_like_any_other(inside: Any) -> None:
    hiding, memory, kernels = inside("hiding"), inside("memory"), inside("kernels")
    start = "import subprocess, sys; subprocess.run(sys.argv[1:], start_new_session=True)"
    command = [sys.executable, "-c", start, sys.executable, "-c", FIRST_THREAD_ENDS]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout
        assert process.stdout.readline() == b"ended\n"
        server, kernel = kernels.ForkServer({"namespaces": False}), kernels.ForkedKernel(process.pid)
        server.kernels["k1"] = kernel
        try:
            members = kernel.find_members()
            assert (len(members), kernel.sessions) == (1, 1)
            assert memory.resident(members) == 0
            assert memory.holds_more(members, 64 * MIB)
            assert memory.proportional(memory.with_living_threads(members)) < 256 * MIB
            hiding.kill_without_first_thread(members)
            wait_until(lambda: not memory.with_living_threads(members))
        finally:
            server.kill("k1")


WATCHES = """
import sys
sys.path.insert(0, sys.argv[1])
import ctypes, hiding, memory, os, rights, signal, time
rights.give_up(int(sys.argv[2]))
for shows in (1, 0):
    reads, writes = os.pipe()
    pid = os.fork()
    if pid == 0:
        ctypes.CDLL(None).prctl(4, shows, 0, 0, 0)  # PR_SET_DUMPABLE
        held = b"x" * 64 * 2**20
        os.write(writes, b"1")
        time.sleep(60)
    os.read(reads, 1)
    seen = memory.proportional([pid]) > 64 * 2**20
    hiding.kill_unreadable([pid])
    os.kill(pid, signal.SIGTERM)
    print(seen, os.waitpid(pid, 0)[1])
"""


@pytest.mark.programs
def test_a_process_that_does_not_show_what_it_holds_is_killed_beside_spark(inside: Any) -> None:
    """Root may see it, but the watch beside Spark is not root."""
    uid = sandbox.uids(0, os.geteuid() == 0)[1]
    command = [sys.executable, "-c", WATCHES, str(sandbox.INSIDE), str(uid)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["True 15", "True 9"]


def test_of_a_process_without_its_first_thread_one_living_thread_is_measured(
    inside: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def state_of(thread: int) -> str:
        if thread == 3:
            raise ProcessLookupError
        return "Z" if thread == 1 else "S"

    memory = inside("memory")
    monkeypatch.setattr(memory, "state_of", state_of)
    monkeypatch.setattr(memory.os, "listdir", lambda path: ["1", "3", "4", "5"] if path == "/proc/1/task" else [])

    assert memory.with_living_threads([1, 2]) == [4, 2]


LOCKED = """
import fcntl, sys, time
files = [open(f"{sys.argv[1]}/{number}", "w") for number in range(60)]
for file in files:
    for place in range(1000):
        fcntl.lockf(file, fcntl.LOCK_EX, 1, 2 * place)
print("locked", flush=True)
time.sleep(60)
"""
"""The kernel of the machine stores 11 MiB for these locks."""


@pytest.mark.programs
def test_locks_are_counted_once_a_second_also_when_a_look_at_the_memory_of_a_kernel_takes_long(
    inside: Any, tmp_path: Path
) -> None:
    memory, kernels = inside("memory"), inside("kernels")
    command = [sys.executable, "-c", "import subprocess, sys; subprocess.run(sys.argv[1:])"]
    holder = [sys.executable, "-c", LOCKED, str(tmp_path)]
    with subprocess.Popen([*command, *holder], stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"locked\n"
        server, kernel = kernels.ForkServer({}), kernels.ForkedKernel(process.pid)
        used = memory.proportional(kernel.find_members()) + memory.by_descriptors(kernel.members)
        server.options = {"memory": used + 6 * MIB, "namespaces": False, "limits": {"NPROC": 60}}
        server.kernels["k1"] = kernel
        server.locks_counted_s = time.monotonic() + 1  # later than now, however slow this test is
        server.watch()
        assert kernel.why is None
        server.locks_counted_s = time.monotonic() - kernels.LOCKS_EVERY_S
        server.watch()
        assert kernel.why == "memory"


@pytest.mark.programs
def test_too_many_processes_end_a_kernel_also_where_no_limit_of_the_system_binds(inside: Any) -> None:
    """As for root, and in a namespace of a user."""
    kernels = inside("kernels")
    command = ["sh", "-c", "sleep 60 & sleep 60 & sleep 60 & echo started; wait"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"started\n"
        server, kernel = kernels.ForkServer({}), kernels.ForkedKernel(process.pid)
        server.kernels["k1"] = kernel
        for allowed, why in ((3, None), (2, "processes")):
            server.options = {"memory": 1024 * MIB, "namespaces": False, "limits": {"NPROC": allowed}}
            server.watch()
            assert kernel.why == why


SESSIONS = """
import subprocess, sys, time
ended = [subprocess.Popen(["true"], start_new_session=True) for _ in range(12)]
for one in ended:
    while open(f"/proc/{one.pid}/stat").read().rpartition(")")[2].split()[0] != "Z":
        time.sleep(0.01)
alive = [subprocess.Popen(["sleep", "60"], start_new_session=True) for _ in range(int(sys.argv[1]))]
alive.append(subprocess.Popen(["sleep", "60"]))
print("started", flush=True)
time.sleep(60)
"""
"""Sessions of processes that have ended, which nobody waited for, do not count."""


@pytest.mark.programs
@pytest.mark.parametrize(("more", "why"), [(0, "killed"), (1, "sessions")])
def test_too_many_sessions_end_a_kernel_because_linux_gives_each_of_them_the_same_share(
    inside: Any, more: int, why: str
) -> None:
    kernels = inside("kernels")
    server = kernels.ForkServer({"memory": 1024 * MIB, "namespaces": False, "limits": {"NPROC": 60}})
    started = []
    try:
        for id, count in (("k1", 4), ("k2", kernels.MAX_SESSIONS - 4 + more)):
            command = [sys.executable, "-c", SESSIONS, str(count)]
            started.append(subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True))
            output = started[-1].stdout
            assert output
            assert output.readline() == b"started\n"
            server.kernels[id] = kernels.ForkedKernel(started[-1].pid)
        wait_until(lambda: all(kernel.find_members() for kernel in server.kernels.values()))
        assert server.further_sessions() == kernels.MAX_SESSIONS + more
        server.watch()
    finally:
        for id in server.kernels:
            server.kill(id)
        for process in started:
            process.communicate()
    assert [kernel.why for kernel in server.kernels.values()] == [why, "killed"]
