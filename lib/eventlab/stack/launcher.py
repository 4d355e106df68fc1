"""Become a service: leave the caller's session, note the own process in a record file, exec the command.

Run as a file of its own by `process.start`. The record is written by the process that it names, before the
service exists, so that no crash of the starting command can leave a service that nobody knows. The caller
returns once the command has been executed; why it could not be is on standard error, with exit code 1.
"""

import json
import os
import sys

import psutil


def since_boot(process: psutil.Process) -> float:
    """When the process started, in seconds since boot: unlike a clock time it survives clock changes."""
    return process.create_time() - psutil.boot_time()


def main(starter: int, record_file: str, log_file: str, command: list[str]) -> None:
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


def _become(starter: int, record_file: str, log_file: str, command: list[str]) -> None:
    with open(log_file, "ab", buffering=0) as log, open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    record = {"pid": os.getpid(), "since_boot": since_boot(psutil.Process())}
    with open(record_file + ".new", "w") as file:
        json.dump(record, file)
    os.replace(record_file + ".new", record_file)
    # Only now: should the starter be killed later than here, whoever cleans up after it finds the record.
    if psutil.Process(os.getppid()).ppid() != starter:
        os.remove(record_file)
        raise OSError("the command that was starting it has ended")
    os.execvpe(command[0], command, os.environ)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4:])
