"""Ending a worker's process and everything that it started."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Sequence

import psutil

STACK_PATIENCE_S = 10


def end_worker(process: subprocess.Popen[str], patience_s: float = 6) -> None:
    """End a worker by closing its input; when it does not end, kill it and what it started.

    What the worker has started ends with it. Without a sandbox this takes longer: the services are not children of
    the worker, and only the process that started them can stop them.
    """
    with contextlib.suppress(OSError):
        process.stdin.close()  # type: ignore[union-attr]
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=patience_s)
        return
    members: list[psutil.Process] = []
    with contextlib.suppress(psutil.NoSuchProcess):
        members = psutil.Process(process.pid).children(recursive=True)
    _kill([member for member in members if "eventlab.grading.worker" in _words(member)])
    process.kill()
    process.wait()
    for member in members:  # one that still starts its services ends them, too
        with contextlib.suppress(psutil.NoSuchProcess):
            member.terminate()
    _, left = psutil.wait_procs(members, timeout=STACK_PATIENCE_S)
    _kill(left)


def _kill(processes: Sequence[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def _words(process: psutil.Process) -> list[str]:
    with contextlib.suppress(psutil.Error):
        return process.cmdline()
    return []
