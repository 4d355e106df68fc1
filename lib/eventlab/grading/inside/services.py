"""Run some of the stack's services until standard input ends, and report on standard output.

The services are children in this sandbox's process namespace, so that they end when it ends, however it does.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys

import psutil
import rights

from eventlab.settings import Settings, settings
from eventlab.stack import Stack, process


def main(configuration: str) -> None:
    """Start the services and carry out orders until standard input ends."""
    wanted = json.loads(configuration)
    signal.signal(signal.SIGTERM, interrupted)
    limits = wanted["limits"]
    limits["NPROC"] = rights.room_for(limits["NPROC"], wanted["uid"], wanted["contained"])
    rights.limit(limits)
    rights.give_up(wanted["uid"])

    stack = Stack(settings, wanted["services"], grace_s=2)
    try:
        stack.up()
    except Exception as error:
        say({"failed": str(error) or type(error).__name__})
        sys.exit(1)
    pids = {status.name: status.pid for status in stack.status(stack.services)}
    say({"pids": pids})
    try:
        for line in sys.stdin:
            if line.strip() == "sweep":
                ended = [name for name in wanted["services"] if has_ended(settings, name)]
                say({"swept": sweep(set(pids.values())), "ended": ended})
    finally:
        if not wanted["contained"]:
            stack.down(stack.services)


def interrupted(*_: object) -> None:
    """Raise KeyboardInterrupt, so that a start that is interrupted ends what it has started."""
    raise KeyboardInterrupt


def has_ended(settings: Settings, service: str) -> bool:
    """Return whether the process of a service has ended."""
    return process.find(settings, service) is None


def sweep(kept: set[int | None]) -> list[str]:
    """Kill every process that is not a service, such as Python workers of Spark, and return their names."""
    own = {process.pid for process in psutil.Process().children(recursive=True)}
    strangers = own if os.getpid() != 2 else set(psutil.pids())
    swept = []
    for pid in strangers - kept - {1, os.getpid(), os.getppid()}:
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            swept.append(process.name())
            process.kill()
    return swept


def say(message: dict[str, object]) -> None:
    """Write an event to standard output."""
    print(json.dumps(message), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
