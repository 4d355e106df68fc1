"""Run one of the commands of `stack/bin` by its name."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from eventlab.commands import failures
from eventlab.commands.tools import TOOLS, ToolUsageError, check_program, variables_with_timeouts
from eventlab.errors import EventlabError
from eventlab.settings import settings
from eventlab.stack import config, environment

JAVA_FRAME = re.compile(
    rb"\s+at [\w.$/<>]+[(@]|\s+\.\.\. \d+ more|Caused by: |(java|org|joptsimple)\.[\w.]+Exception\b"
)
"""A line of a stack trace, except `java.lang.OutOfMemoryError`: it is often the only line that is printed."""

NAME_IN_BRACES = re.compile(r"\{[A-Za-z_][\w.]*\}")
NOT_REPLACED = (
    "is a name in braces, not its value. In a line with !, Jupyter replaces names in braces only if all of them "
    "exist, and the line has no other braces: write JSON's braces twice ({{ and }}). In a %%bash cell, write "
    "$NAME, for example $BROKER"
)


def main(argv: Sequence[str]) -> int:
    """Run the named command and return its exit code.

    In a terminal, the command replaces this process. In a notebook, and where stack traces are hidden, it is a
    child process, so that a failure can be recorded.
    """
    name, arguments = argv[0].removesuffix(".sh"), list(argv[1:])
    try:
        exit_code = run(name, arguments)
    except SystemExit as error:
        failures.record([name, *arguments], error.code if isinstance(error.code, int) else int(bool(error.code)))
        raise
    failures.record([name, *arguments], exit_code)
    return exit_code


def run(name: str, arguments: list[str]) -> int:
    """Run the command, and return its exit code if it does not replace this process."""
    if literal := next(filter(NAME_IN_BRACES.fullmatch, arguments), None):
        print(f"{name}: {literal} {NOT_REPLACED}", file=sys.stderr)
        return 2
    if name in ("kafkacat", "ab"):
        return int(import_module(f"eventlab.commands.{name}").main(arguments) or 0)
    try:
        if name == "spark-submit":
            check_program(name, arguments)
        invocation = TOOLS[name](settings, name, arguments)
        config.render(settings)
        variables = environment.full(settings) | invocation.variables
        if name in ("spark-submit", "pyspark"):
            variables |= variables_with_timeouts(variables)
    except EventlabError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 2 if isinstance(error, ToolUsageError) else 1
    for note in invocation.notes:
        print(f"{name}: {note}", file=sys.stderr)
    sys.stdout.flush()
    command, environ = invocation.command, {key: value for key, value in variables.items() if value is not None}
    if invocation.hides_frames or failures.is_recorded():
        return run_in_child(command, environ, hides_frames=invocation.hides_frames)
    os.execve(command[0], command, environ)


def run_in_child(command: Sequence[str], environ: Mapping[str, str], *, hides_frames: bool = True) -> int:
    """Run a command as a child process, which gets this process's signals, and return its exit code.

    Args:
        command: The program and its arguments.
        environ: Its environment variables.
        hides_frames: Whether the stack traces in its standard error are not shown. kafka-consumer-groups exits
            with 0 after an error that it prints with a stack trace; then the exit code is 1. If standard output
            goes to the same terminal, pipe or file, both are read here, so that their lines keep their order;
            then a stack trace in standard output is not shown either.
    """
    children: list[subprocess.Popen[bytes]] = []

    def forward(number: int, frame: Any) -> None:
        for child in children:
            child.send_signal(number)

    handlers = {
        signal.SIGTERM: forward,
        signal.SIGHUP: forward,
        signal.SIGINT: lambda number, frame: None,  # the terminal sends Ctrl-C to the child too
    }
    for number, handler in handlers.items():
        if signal.getsignal(number) is not signal.SIG_IGN:  # `nohup`; the child inherits that
            signal.signal(number, handler)
    failed = False
    both = hides_frames and sys.stdout and sys.stderr and os.path.sameopenfile(1, 2)  # a closed one is None
    stdout = subprocess.PIPE if both else None
    stderr = subprocess.STDOUT if both else subprocess.PIPE if hides_frames else None
    with subprocess.Popen(command, env=environ, stdout=stdout, stderr=stderr) as process:
        children.append(process)
        for line in process.stdout or process.stderr or ():
            if JAVA_FRAME.match(line):
                failed = True
            elif sys.stderr:
                _write_error(line)
    if process.returncode == 0:
        return int(failed)
    return process.returncode if process.returncode > 0 else 128 - process.returncode


def _write_error(line: bytes) -> None:
    """Write a line to standard error; discard it if the reader has closed the pipe, as `head -1` does.

    See https://docs.python.org/3/library/signal.html#note-on-sigpipe.
    """
    try:
        sys.stderr.buffer.write(line)
        sys.stderr.buffer.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
