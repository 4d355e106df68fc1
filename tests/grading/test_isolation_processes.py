"""Isolation without services: how the processes of a kernel are seen, and how many it may have."""

from __future__ import annotations

import importlib
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


@pytest.fixture
def inside(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Import modules that run inside the sandbox."""
    monkeypatch.syspath_prepend(str(sandbox.INSIDE))
    return importlib.import_module


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
    memory, kernels = inside("memory"), inside("kernels")
    start = "import subprocess, sys; subprocess.run(sys.argv[1:], start_new_session=True)"
    command = [sys.executable, "-c", start, sys.executable, "-c", FIRST_THREAD_ENDS]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout
        assert process.stdout.readline() == b"ended\n"
        server, kernel = kernels.ForkServer({"namespaces": False}), kernels.ForkedKernel(process.pid)
        server.kernels["k1"] = kernel
        try:
            members = server.members(kernel)
            assert (len(members), kernel.sessions) == (1, 1)
            assert memory.resident(members) == 0
            assert memory.holds_more(members, 64 * MIB)
            assert memory.proportional(memory.with_living_threads(members)) < 256 * MIB
            memory.kill_without_first_thread(members)
            wait_until(lambda: not memory.with_living_threads(members))
        finally:
            server.kill("k1")


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
        used = memory.proportional(server.members(kernel)) + memory.by_descriptors(kernel.members)
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
        wait_until(lambda: all(map(server.members, server.kernels.values())))
        assert server.further_sessions() == kernels.MAX_SESSIONS + more
        server.watch()
    finally:
        for id in server.kernels:
            server.kill(id)
        for process in started:
            process.communicate()
    assert [kernel.why for kernel in server.kernels.values()] == [why, "killed"]
