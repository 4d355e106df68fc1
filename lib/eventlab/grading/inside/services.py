"""Run some of the stack's services until standard input ends, and report on standard output.

The services are children in this sandbox's process namespace, so that they end when it ends, however it does.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

import hiding
import memory
import processors
import psutil
import rights
import state_files
import suspension

from eventlab.clients import spark
from eventlab.settings import Settings, settings
from eventlab.stack import Stack, process

WATCH_S = 0.2
MAX_FAILED_LOOKS = 25
BUSY_S = 0.2
KILL_ROUNDS = 100
BUSY_SHARE = 0.6
"""A thread that uses this share of a processor for BUSY_S seconds is computing."""
DATA_CALLS = ("sendfile", "setsid")
"""Kafka and HDFS run no student's code. They send files with sendfile, and each has a session of its own."""


def main(configuration: str) -> None:
    """Start the services and answer requests until standard input ends."""
    options = json.loads(configuration)
    signal.signal(signal.SIGTERM, interrupted)
    limits = options["limits"]
    limits["NPROC"] = rights.room_for(limits["NPROC"], options["uid"], options["contained"])
    rights.limit(limits)
    rights.give_up(options["uid"])
    calls = () if "spark" in options["services"] else DATA_CALLS
    rights.restrict_calls(calls, required=options["contained"])

    if "spark" in options["services"]:  # its probe needs them when Spark has started
        threading.Thread(target=spark.import_messages, daemon=True).start()
    stack = Stack(settings, options["services"], grace_s=2)
    try:
        rights.adopt_orphans(True)  # the services become children of this process, which learns how they end
        stack.up()
        rights.adopt_orphans(False)
    except Exception as error:
        send({"failed": str(error) or type(error).__name__})
        sys.exit(1)
    cleaner = Cleaner(options, stack)
    send({"pids": sorted(cleaner.kept)})
    try:
        for line in sys.stdin:
            request, *words = line.split()
            send(getattr(cleaner, request)(*words))
    finally:
        if not options["contained"]:
            stack.down(stack.services)


class Cleaner:
    """Knows what belongs to the services in this sandbox, and removes the rest."""

    def __init__(self, options: dict[str, Any], stack: Stack) -> None:
        self.options, self.stack, self.kept = options, stack, pids(stack)
        self.restarting = threading.Lock()
        self.roots = [settings.state_dir, *([Path("/tmp")] if options["contained"] else [])]
        state_files.keep_block_folders(settings.state_dir / "data")
        state_files.hide_logs(settings.state_dir / "logs")
        self.files = state_files.files_below(self.roots)
        self.ends: dict[str, str] = {}
        self.cpu_s: dict[int, tuple[str, float]] = {}
        self.measured = 0.0
        self.short = suspension.ShortProcesses(counts_all=True)
        threading.Thread(target=self.watch, daemon=True).start()

    def sweep(self) -> dict[str, Any]:
        """Kill the processes and delete the data that Spark did not have at its start.

        Report the names of processes and files that are not the services'.
        """
        swept = kill_others(self.kept) + state_files.delete_new(self.roots, self.files)
        self.cpu_s, self.measured = processors.cpu_of_threads(self.kept), time.monotonic()
        return {"swept": swept}

    def kill_others(self) -> dict[str, Any]:
        """Kill every process that is not a service; report their names."""
        return {"killed": kill_others(self.kept)}

    def ended(self) -> dict[str, Any]:
        """Report the services that have ended, and how."""
        for name in self.options["services"]:
            if name not in self.ends and has_ended(settings, name):
                self.ends[name] = how_it_ended(settings, name)
        return {"ended": self.ends}

    def busy(self) -> dict[str, Any]:
        """Report the names of the threads that have computed since `sweep`."""
        time.sleep(max(0.0, BUSY_S - (time.monotonic() - self.measured)))
        elapsed, now = time.monotonic() - self.measured, processors.cpu_of_threads(self.kept)
        used = [(name, cpu_s - self.cpu_s[tid][1]) for tid, (name, cpu_s) in now.items() if tid in self.cpu_s]
        return {"busy": sorted(name for name, cpu_s in used if cpu_s > BUSY_SHARE * elapsed)}

    def kill_service(self, service: str) -> dict[str, Any]:
        """Kill a service, and all processes that are not services; report how it ended if it was not running."""
        running = process.find(settings, service)
        if running is None:
            return self.ended()
        running.kill()
        with contextlib.suppress(ChildProcessError):
            os.waitpid(running.pid, 0)
        self.kept -= {running.pid}
        kill_others(self.kept)
        return {"ended": {}}

    def start_service(self, service: str) -> dict[str, Any]:
        """Start a service that was killed; the watch must not mistake it for a foreign process."""
        with self.restarting:
            rights.adopt_orphans(True)
            try:
                self.stack.up([service])
            except Exception as error:
                return {"failed": str(error) or type(error).__name__}
            finally:
                rights.adopt_orphans(False)
            self.kept = pids(self.stack)
            self.ends.pop(service, None)
            state_files.hide_logs(settings.state_dir / "logs")
        return {"started": service}

    def watch(self) -> None:
        """Look at the processes of Python functions; end this sandbox when that fails again and again."""
        failures = 0
        while failures < MAX_FAILED_LOOKS:
            time.sleep(WATCH_S)
            try:
                with self.restarting:
                    self.look()
                failures = 0
            except Exception:
                failures += 1
                with contextlib.suppress(OSError):  # the log may be on a full disk
                    traceback.print_exc()
        if not self.options["contained"]:
            self.stack.down(self.stack.services)
        os._exit(1)

    def look(self) -> None:
        """Kill processes of Python functions that exceed a limit; many busy ones get the lowest priority.

        When processes begin or end meanwhile, all are stopped for another look, for some milliseconds; Spark, too.
        """
        found = other_processes(self.kept)
        before = self.short.state(found)
        if processors.too_many_are_busy(found):
            processors.lower_priority(found)
        self.kill_too_large(found)
        if not (owns_namespace() and "spark" in self.options["services"]):
            return
        if self.short.must_stop(before, other_processes(self.kept)):
            try:
                if suspension.stop(signal_all, lambda: other_processes(self.kept)):
                    self.kill_too_large(other_processes(self.kept))
                else:
                    kill_others(self.kept)
            finally:
                self.resume()

    def kill_too_large(self, found: list[int]) -> None:
        """Kill processes that are too many, hold too much memory, or hide what they hold."""
        hiding.kill_without_first_thread(found)
        hiding.kill_unreadable(found)
        most, allowed = self.options["processes"], self.options["memory"]
        if found and (len(found) > most or memory.holds_more(found, allowed, others=self.kept)):
            kill(found)

    @staticmethod
    def resume() -> None:
        """Let all processes go on; end this sandbox when that is not possible."""
        try:
            signal_all(signal.SIGCONT)
        except OSError:
            os._exit(1)


def pids(stack: Stack) -> set[int]:
    """Return the process ids of the services."""
    found = [process.find(stack.settings, service) for service in stack.services]
    return {running.pid for running in found if running}


def interrupted(*_: object) -> None:
    """Raise KeyboardInterrupt, so that a start that is interrupted ends what it has started."""
    raise KeyboardInterrupt


def has_ended(settings: Settings, service: str) -> bool:
    """Return whether the process of a service has ended."""
    return process.find(settings, service) is None


def how_it_ended(settings: Settings, service: str) -> str:
    """Return `signal 9`, `exit code 1`, or `unknown` when the service was not a child of this process."""
    record = process.read_record(settings, service)
    with contextlib.suppress(ChildProcessError):
        pid, status = os.waitpid(record.pid, os.WNOHANG) if record else (0, 0)
        if pid:
            code = os.waitstatus_to_exitcode(status)
            return f"exit code {code}" if code >= 0 else f"signal {-code}"
    return "unknown"


def other_processes(kept: set[int]) -> list[int]:
    """Return the processes that are not services, such as Python workers of Spark."""
    if owns_namespace():
        everything = {int(name) for name in os.listdir("/proc") if name.isdigit()}
    else:
        everything = {process.pid for process in psutil.Process().children(recursive=True)}
    return sorted(everything - kept - {1, os.getpid(), os.getppid()})


def owns_namespace() -> bool:
    """Return whether all processes of the namespace belong to this sandbox."""
    return os.getpid() == 2


def signal_all(number: int = signal.SIGSTOP) -> bool:
    """Send a signal to all other processes of the namespace but its process 1, at once."""
    with contextlib.suppress(ProcessLookupError):  # there is none
        os.kill(-1, number)
    return True


def kill(pids: list[int]) -> list[str]:
    """Kill processes, and return the names of those that were still there."""
    names = []
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            names.append(process.name())
            process.kill()
    return names


def kill_others(kept: set[int]) -> list[str]:
    """Kill the processes that are not services, and return their names.

    A process may start another one before it ends, so the list is read again until it has no new one.

    Raises:
        RuntimeError: There is always a new one.
    """
    names: list[str] = []
    killed: set[int] = set()
    for _ in range(KILL_ROUNDS):
        new = [pid for pid in other_processes(kept) if pid not in killed]
        if not new:
            return names
        names += kill(new)
        killed |= {*new}
    raise RuntimeError("the processes beside the services always start new ones")


def send(message: dict[str, object]) -> None:
    """Write an event to standard output."""
    print(json.dumps(message), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
    os._exit(0)  # Python's own end takes most of a second after the imports
