"""Ending the processes that a worker or the scheduler has started."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

SERVICES_TIMEOUT_S = 10


def close(process: subprocess.Popen[Any], timeout_s: float) -> None:
    """End a process by closing its standard input, or kill it after a time; its pipes are closed.

    Args:
        process: A process whose standard input and output are pipes, and which ends when its input ends.
        timeout_s: Seconds after which it is killed.
    """
    with contextlib.suppress(OSError):
        process.stdin.close()  # type: ignore[union-attr]
    try:
        process.wait(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout:
        process.stdout.close()


def close_worker(process: subprocess.Popen[str], timeout_s: float) -> None:
    """End a worker by closing its input; when it does not end, kill it and what it started.

    What the worker has started ends with it. Without a sandbox this takes longer: the services are not children of
    the worker, and only the process that started them can stop them.
    """
    with contextlib.suppress(OSError):
        process.stdin.close()  # type: ignore[union-attr]
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=timeout_s)
        return
    members: list[psutil.Process] = []
    with contextlib.suppress(psutil.Error):
        members = psutil.Process(process.pid).children(recursive=True)
    _kill([member for member in members if "eventlab.grading.worker" in _command(member)])
    process.kill()
    process.wait()
    for member in members:  # one that still starts its services ends them, too
        with contextlib.suppress(psutil.Error):
            member.terminate()
    _, running = psutil.wait_procs(members, timeout=SERVICES_TIMEOUT_S)
    _kill(running)


def oom_kills(root: Path = Path("/")) -> int:
    """Return how many processes were killed so far because there was no memory left; 0 where nobody counts.

    The count is that of this process's control group, or else that of the whole machine.
    https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files

    Args:
        root: The folder that contains `proc` and `sys`.
    """
    places = [root / "proc/vmstat"]
    with contextlib.suppress(OSError):
        for line in (root / "proc/self/cgroup").read_text().splitlines():
            _, controllers, group = line.split(":", 2)
            if controllers == "memory":
                places.insert(0, root / "sys/fs/cgroup/memory" / group.strip("/") / "memory.oom_control")
            elif not controllers:
                places.insert(0, root / "sys/fs/cgroup" / group.strip("/") / "memory.events")
    for path in places:
        with contextlib.suppress(OSError):
            for line in path.read_text().splitlines():
                if line.startswith("oom_kill "):
                    return int(line.split()[1])
    return 0


def _kill(processes: Sequence[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()


def _command(process: psutil.Process) -> list[str]:
    with contextlib.suppress(psutil.Error):
        return process.cmdline()
    return []
