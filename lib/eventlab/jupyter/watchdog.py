"""Stop the services when a learner's server under JupyterHub ends, also when it is killed.

`eventlab hub` starts this module as a separate process before it becomes the server. Every learner has one such
process, so it imports little and needs little memory while it waits.
"""

import fcntl
import logging
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from eventlab.errors import StackError

if TYPE_CHECKING:
    from eventlab.settings import Settings

logger = logging.getLogger("eventlab.jupyter.watchdog")

POLL_S = 1.0
READY = "ready\n"


def start(settings: "Settings") -> None:
    """Start a watchdog for this process, which may become another program with `exec`, and wait until it watches.

    When the watchdog of an earlier server is stopping the services, wait until they have stopped.
    Raise StackError if the watchdog does not start.
    """
    from eventlab.stack import environment

    log = settings.state_dir / "logs" / "hub-watchdog.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(os.getpid()), str(settings.state_dir / "hub.lock")],
            env=environment.full(settings),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,  # Ctrl-C and the end of a terminal do not reach it
        )
    assert process.stdout
    with process.stdout as output:
        if output.readline() != READY:
            raise StackError(f"the watchdog of the services did not start; its log is {log}")


def watch(server_pid: int, lock_file: Path) -> None:
    """Wait until the server has ended, then stop the services, unless another server uses them.

    The watchdog of each running server holds a shared lock; the one that gets an exclusive lock is the last.
    """
    with lock_file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        print(READY, end="", flush=True)
        logger.info("process %d stops the services when process %d has ended", os.getpid(), server_pid)
        while os.getppid() == server_pid:  # a process whose parent has ended gets another parent
            time.sleep(POLL_S)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            logger.info("process %d has ended; another server uses the services", server_pid)
            return
        from eventlab.settings import settings
        from eventlab.stack import Stack

        logger.info("process %d has ended: stopping the services", server_pid)
        Stack(settings).down()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    watch(int(sys.argv[1]), Path(sys.argv[2]))
