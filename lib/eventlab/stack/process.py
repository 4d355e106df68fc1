"""Starting, recognizing and stopping a service's process, however the command that started it ended."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from eventlab.settings import Settings
from eventlab.stack import launcher


@dataclass(frozen=True)
class Record:
    """What a started service left in the state folder: its process id and start, in seconds since boot."""

    pid: int
    since_boot: float

    def process(self) -> psutil.Process | None:
        """The very process that was started, or None when it is gone (its id may be another's by now)."""
        with contextlib.suppress(psutil.Error, ValueError, OverflowError):
            process = psutil.Process(self.pid)
            same = abs(launcher.since_boot(process) - self.since_boot) < 0.5
            if same and process.status() != psutil.STATUS_ZOMBIE:
                return process
        return None


def log_file(settings: Settings, service: str) -> Path:
    return settings.state_dir / "logs" / f"{service}.log"


def record_file(settings: Settings, service: str) -> Path:
    return settings.state_dir / "run" / f"{service}.json"


def read_record(settings: Settings, service: str) -> Record | None:
    """The service's record; None when there is none or it is damaged (a stale folder never blocks)."""
    try:
        found = json.loads(record_file(settings, service).read_text())
        return Record(int(found["pid"]), float(found["since_boot"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def note(settings: Settings, service: str, pid: int) -> None:
    """Leave the record of a child, for when this command is ended before the child is."""
    record = record_file(settings, service)
    record.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(psutil.NoSuchProcess):
        record.write_text(json.dumps({"pid": pid, "since_boot": launcher.since_boot(psutil.Process(pid))}))


def forget(settings: Settings, service: str) -> None:
    record_file(settings, service).unlink(missing_ok=True)


def find(settings: Settings, service: str) -> psutil.Process | None:
    """The service's live process, if this stack started one."""
    record = read_record(settings, service)
    return record.process() if record else None


def start(
    settings: Settings, service: str, command: list[str], environment: dict[str, str], cwd: Path
) -> psutil.Process:
    """Start the command in a session of its own (Ctrl-C does not reach it), its output in the service's log.

    OSError says why the command could not be executed.
    """
    record, log = record_file(settings, service), log_file(settings, service)
    record.parent.mkdir(parents=True, exist_ok=True)
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists():
        log.replace(log.with_suffix(".log.1"))
    forget(settings, service)
    command_line = [sys.executable, launcher.__file__, str(os.getpid()), str(record), str(log), *command]
    started = subprocess.run(
        command_line,
        env=environment,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        start_new_session=True,  # a Ctrl-C that hit the launcher would leave its child half way
    )
    if started.returncode:
        raise OSError(started.stderr.strip() or f"{command[0]} could not be started")
    left = read_record(settings, service)
    if left is None:
        raise OSError(f"{command[0]} left no record in {record}")
    return psutil.Process(left.pid)


def alive(process: psutil.Process) -> bool:
    """Whether any of it still runs: a JVM's first thread may end before those that hold its ports."""
    with contextlib.suppress(psutil.Error):
        if process.status() == psutil.STATUS_ZOMBIE:
            return process.num_threads() > 1
        return process.is_running()
    return False


def stop(process: psutil.Process, grace_s: float = 10) -> None:
    """End the process and its descendants: ask, wait `grace_s` seconds, then force; returns when all are gone."""
    with contextlib.suppress(psutil.NoSuchProcess):
        family = [*process.children(recursive=True), process]
        process.terminate()
        process.resume()  # one that is held up (SIGSTOP) can't hear
        left = _wait_until_gone(family, grace_s)
        for survivor in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                survivor.kill()
        _wait_until_gone(left, timeout_s=5)


def _wait_until_gone(family: list[psutil.Process], timeout_s: float) -> list[psutil.Process]:
    """Wait until none is alive and return who still is.

    Not psutil.wait_procs: that waits until an ended process is collected, which in a container whose first
    process is no init may be late or never.
    """
    deadline = time.monotonic() + timeout_s
    while (left := [member for member in family if alive(member)]) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left


def resident_bytes(process: psutil.Process) -> int:
    """Resident memory of the process and its descendants (pages that they share count for each)."""
    total = 0
    with contextlib.suppress(psutil.NoSuchProcess):
        for member in [process, *process.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                total += member.memory_info().rss
    return total


def listening(process: psutil.Process) -> set[int]:
    """The ports on which the process and its descendants listen."""
    found: set[int] = set()
    with contextlib.suppress(psutil.NoSuchProcess):
        for member in [process, *process.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                links = member.net_connections(kind="tcp")
                found |= {link.laddr.port for link in links if link.status == psutil.CONN_LISTEN}
    return found


def uptime_s(process: psutil.Process) -> float:
    with contextlib.suppress(psutil.Error):
        return round(time.time() - process.create_time(), 1)
    return 0.0


def log_tail(settings: Settings, service: str, lines: int = 15) -> str:
    """The last lines of the service's log, read from its end (a log may be large)."""
    path = log_file(settings, service)
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 64 * 1024), os.SEEK_SET)
        text = file.read().decode(errors="replace")
    return "\n".join(text.splitlines()[-lines:])


def telling(text: str, lines: int = 15) -> str:
    """The last lines that say what happened: a Java stack trace's frames would push its message out."""
    told = [line for line in text.splitlines() if not re.match(r"\s+(at |\.\.\. \d+ more)", line)]
    return "\n".join(told[-lines:])
