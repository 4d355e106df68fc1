"""What tests of several folders need: wait for a condition, find a service's process, match a text."""

from __future__ import annotations

import functools
import os
import re
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, AnyStr

import psutil

from eventlab.grading import fair_time
from eventlab.settings import Settings
from eventlab.stack import process


def wait_until(
    condition: Callable[[], object], timeout_s: float = 30, describe: Callable[[], object] = lambda: ""
) -> None:
    """Wait until the condition is true; `describe` helps when it is not.

    A condition that takes long, such as the state of a stack, is called less often: it takes the processors from
    what it waits for.
    """
    started = time.monotonic()
    while True:
        began = time.monotonic()
        if condition():
            return
        now = time.monotonic()
        late = now - started >= timeout_s
        assert not late, f"the condition is still false after {timeout_s} s {describe()}"
        time.sleep(min(max(0.02, 3 * (now - began)), 0.5))


def suspend(running: psutil.Process) -> None:
    """Suspend a process, and wait until it is: on a busy machine, it may still answer after the signal."""
    running.suspend()
    wait_until(lambda: running.status() == psutil.STATUS_STOPPED)


def has_ended(pid: int) -> bool:
    """Return whether a process has ended, also where its parent does not collect it, as in some containers."""
    try:
        return not process.alive(psutil.Process(pid))
    except psutil.NoSuchProcess:
        return True


OTHER_USER = 65_534
"""A user without rights."""


class Stopwatch:
    """Measures the time from its creation until it is read; other programs that keep the processors slow it down.

    So a limit in seconds is exceeded because of what is tested, and not because the machine is busy. Programs that
    this process has started count as part of it, services of a stack as other programs (`grading.fair_time`).
    """

    def __init__(self) -> None:
        self._clock, self._is_read = fair_time.FairClock(), threading.Event()
        self._begin = time.monotonic()
        self._ticking = threading.Thread(target=self._tick, daemon=True)
        self._ticking.start()

    def _tick(self) -> None:
        while not self._is_read.wait(0.5):  # threads that end take their waits with them
            self._clock.tick(fair_time.measure())

    @functools.cached_property
    def seconds(self) -> float:
        """Return the seconds, as many as the machine had time for this process."""
        self._is_read.set()
        self._ticking.join()
        self._clock.tick(fair_time.measure())
        return self._clock.now()

    @functools.cached_property
    def speed(self) -> float:
        """Return the part of the time in which others did not delay this process, from 0 to 1."""
        return min(1.0, self.seconds / (time.monotonic() - self._begin))


def create_deep_folders(folder: Path, mode: int = 0o700) -> None:
    """Create folders that are too deep for recursion, and whose path is longer than the system opens."""
    child = os.fork()
    if child == 0:
        try:
            os.chdir(folder)
            for _ in range(3000):
                os.mkdir("d" * 8)
                os.chdir("d" * 8)
            os.chmod(".", mode)
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert (folder / ("d" * 8)).exists()


def without_rights(function: Callable[[], object]) -> str:
    """Return as text what a function returns in a process of a user for whom a folder can be locked."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                os.setuid(OTHER_USER)
            os.write(writer, f"{function()}".encode())
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with open(reader) as file:
        return file.read()


def process_of(settings: Settings, service: str) -> psutil.Process:
    """Return the running process of a service."""
    found = process.find(settings, service)
    assert found is not None, f"{service} does not run"
    return found


def first_group(pattern: str, text: str, flags: int = 0) -> str:
    """Return the first group of the pattern's first match in the text."""
    match = re.search(pattern, text, flags)
    assert match, f"no {pattern!r} in {text}"
    return match[1]


def ended_by(number: int) -> str:
    """Return a program that ends itself by a signal, also where `nohup` has it ignored before."""
    end = f"os.kill(os.getpid(), {number:d})"
    return f"import os, signal\nif {number:d} != 9: signal.signal({number:d}, signal.SIG_DFL)\n{end}"


class PipedProcess(subprocess.Popen[AnyStr]):
    """A process that was started with pipes for its input, output and errors."""

    stdin: IO[AnyStr]
    stdout: IO[AnyStr]
    stderr: IO[AnyStr]
