"""Become a service: start a new session, write the process record, and execute the service's command.

`process.start` runs this file as a program. The process writes its own record before it becomes the service, so
that a service without a record cannot exist, even when the starting command is killed. The program ends when the
command has been executed, or with exit code 1 and the reason on standard error.
"""

import json
import os
import sys

import psutil


def since_boot(process: psutil.Process) -> float:
    """Return the process's start in seconds since boot, which does not change when the clock is set."""
    return process.create_time() - psutil.boot_time()


def record_of(process: psutil.Process) -> dict[str, float]:
    """Return what a process record contains."""
    return {"pid": process.pid, "since_boot": since_boot(process)}


def main(starter: int, record_file: str, log_file: str, command: list[str]) -> None:
    """Fork; the child becomes the service. `starter` is the process id of the starting command."""
    read_end, write_end = os.pipe()  # closed by a successful exec
    if os.fork():
        os.close(write_end)
        with os.fdopen(read_end) as problem:
            sys.exit(problem.read() or 0)
    os.close(read_end)
    os.setsid()
    try:
        _become(starter, record_file, log_file, command)
    except OSError as error:
        os.write(write_end, str(error).encode())
        os._exit(1)


def open_private(path: str, flags: int) -> int:
    """Open or create a file that only its owner can read: Spark writes its token into the log."""
    return os.open(path, flags, 0o600)


def _become(starter: int, record_file: str, log_file: str, command: list[str]) -> None:
    with open(log_file, "ab", buffering=0, opener=open_private) as log, open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    with open(record_file + ".new", "w") as file:
        json.dump(record_of(psutil.Process()), file)
    os.replace(record_file + ".new", record_file)
    # If the starter is killed from here on, a later command finds the record and can stop this process.
    if psutil.Process(os.getppid()).ppid() != starter:
        os.remove(record_file)
        raise OSError("the command that was starting it has ended")
    os.execvpe(command[0], command, os.environ)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4:])
