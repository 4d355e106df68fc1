"""Start, recognize and stop a service's process, and read its log."""

import contextlib
import itertools
import json
import logging
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import psutil

from eventlab.files import write_atomically
from eventlab.settings import Settings
from eventlab.stack import launcher

logger = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True)
class ProcessRecord:
    """The record of a service's process in the state folder: process id, and start in seconds since boot."""

    pid: int
    since_boot: float

    def running_process(self) -> psutil.Process | None:
        """Return the process, or None if it has ended, also when another process has got its id."""
        with contextlib.suppress(psutil.Error, ValueError, OverflowError):
            process = psutil.Process(self.pid)
            same = abs(launcher.since_boot(process) - self.since_boot) < 0.5
            if same and alive(process):
                return process
        return None


def log_file(settings: Settings, service: str) -> Path:
    """Return the path of a service's log."""
    return settings.state_dir / "logs" / f"{service}.log"


def record_file(settings: Settings, service: str) -> Path:
    """Return the path of a service's process record."""
    return settings.state_dir / "run" / f"{service}.json"


def read_record(settings: Settings, service: str) -> ProcessRecord | None:
    """Return the service's process record, or None when it does not exist or cannot be read."""
    try:
        fields = json.loads(record_file(settings, service).read_text())
        return ProcessRecord(int(fields["pid"]), float(fields["since_boot"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_record(settings: Settings, service: str, pid: int) -> None:
    """Write the record of a child process, so that later commands find it even if this process has ended."""
    with contextlib.suppress(psutil.NoSuchProcess):
        record = launcher.record_of(psutil.Process(pid))
        write_atomically(record_file(settings, service), json.dumps(record))


def find(settings: Settings, service: str) -> psutil.Process | None:
    """Return the running process of a service, or None; only a process that this stack started counts."""
    record = read_record(settings, service)
    return record.running_process() if record else None


def start(
    settings: Settings, service: str, command: list[str], environment: dict[str, str], cwd: Path
) -> psutil.Process:
    """Start a service's command in a new session, which Ctrl-C does not reach; its output goes to the log.

    The log of the last start is kept as `<service>.log.1`.

    Raises:
        OSError: The command could not be executed.
    """
    record, log = record_file(settings, service), log_file(settings, service)
    record.parent.mkdir(parents=True, exist_ok=True)
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists():
        log.replace(log.with_suffix(".log.1"))
    record.unlink(missing_ok=True)
    started = subprocess.run(
        [sys.executable, launcher.__file__, str(os.getpid()), str(record), str(log), *command],
        env=environment,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        start_new_session=True,  # Ctrl-C must not stop the launcher before its child has started
    )
    if started.returncode:
        raise OSError(started.stderr.strip() or f"{command[0]} could not be started")
    written = read_record(settings, service)
    if written is None:
        raise OSError(f"the process record {record} of {command[0]} is missing")
    logger.info("started %s as process %d", service, written.pid)
    return psutil.Process(written.pid)


def alive(process: psutil.Process) -> bool:
    """Return whether a thread of the process runs; a JVM's first thread may end before the others do."""
    with contextlib.suppress(psutil.Error):
        if process.status() == psutil.STATUS_ZOMBIE:
            return process.num_threads() > 1
        return process.is_running()
    return False


def is_suspended(process: psutil.Process) -> bool:
    """Return whether the process was stopped by a signal (SIGSTOP)."""
    with contextlib.suppress(psutil.Error):
        return process.status() == psutil.STATUS_STOPPED
    return False


def stop(process: psutil.Process, grace_s: float = 10) -> None:
    """Terminate the process and its descendants; kill those that still run after `grace_s` seconds."""
    logger.info("stopping process %d", process.pid)
    processes = [process]
    with contextlib.suppress(psutil.NoSuchProcess):  # it may end at any of these calls, and before its children
        processes += process.children(recursive=True)
        process.terminate()
        process.resume()  # a suspended process does not receive SIGTERM
    left = _wait_until_ended(processes, grace_s)
    for running in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            running.kill()
    _wait_until_ended(left, timeout_s=20)  # a killed process ends when the system has freed its memory


def _wait_until_ended(processes: list[psutil.Process], timeout_s: float) -> list[psutil.Process]:
    """Wait until all have ended and return those that have not.

    psutil.wait_procs waits until an ended process is reaped, which may never happen in a container without init.
    """
    deadline = time.monotonic() + timeout_s
    while (left := [member for member in processes if alive(member)]) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left


def _read_each(process: psutil.Process, read: Callable[[psutil.Process], T]) -> list[T]:
    """Call `read` for the process and its descendants, skip those that have ended, and return the results."""
    results = []
    with contextlib.suppress(psutil.NoSuchProcess):
        for member in [process, *process.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                results.append(read(member))
    return results


def resident_bytes(process: psutil.Process) -> int:
    """Return the resident memory of the process and its descendants; shared pages count for each of them."""
    return sum(_read_each(process, lambda member: member.memory_info().rss))


def cpu_s(process: psutil.Process) -> float:
    """Return the processor time that the process and its descendants have used, in seconds."""
    times = _read_each(process, lambda member: member.cpu_times())
    return sum(used.user + used.system for used in times)


def listening_ports(process: psutil.Process) -> set[int]:
    """Return the TCP ports on which the process and its descendants listen."""
    connections = _read_each(process, lambda member: member.net_connections(kind="tcp"))
    return {tcp.laddr.port for tcp in itertools.chain(*connections) if tcp.status == psutil.CONN_LISTEN}


def uptime_s(process: psutil.Process) -> float:
    """Return the seconds since the process started."""
    with contextlib.suppress(psutil.Error):
        return round(time.time() - process.create_time(), 1)
    return 0.0


def log_tail(settings: Settings, service: str, lines: int = 15) -> str:
    """Return the last lines of the service's log, at most 64 KiB of them."""
    if not (path := log_file(settings, service)).exists():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, size_of(path) - 64 * 1024))
        text = file.read().decode(errors="replace")
    return "\n".join(text.splitlines()[-lines:])


def without_stack_frames(text: str, lines: int = 15) -> str:
    """Return the last lines of a log without the frames of Java stack traces, so that the message is visible."""
    messages = [line for line in text.splitlines() if not re.match(r"\s+(at |\.\.\. \d+ more)", line)]
    return "\n".join(messages[-lines:])


def size_of(path: Path) -> int:
    """Return the size of a file in bytes, 0 when it does not exist."""
    with contextlib.suppress(OSError):
        return path.stat().st_size
    return 0
