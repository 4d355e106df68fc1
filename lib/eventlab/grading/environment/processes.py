"""Ending the processes that a worker or the scheduler has started."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Sequence
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


def _kill(processes: Sequence[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()


def _command(process: psutil.Process) -> list[str]:
    with contextlib.suppress(psutil.Error):
        return process.cmdline()
    return []
