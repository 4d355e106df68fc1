"""Run one of the commands of `stack/bin` by its name."""

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module

from eventlab.commands.tools import TOOLS, ToolUsageError
from eventlab.errors import EventlabError
from eventlab.settings import settings
from eventlab.stack import config, environment

JAVA_FRAME = re.compile(r"\s+at [\w.$/]+[(@]|\s+\.\.\. \d+ more|Caused by: |(java|org)\.[\w.]+(Exception|Error)\b")

NAME_IN_BRACES = re.compile(r"\{[A-Za-z_][\w.]*\}")
NOT_REPLACED = (
    "is a name in braces, not its value. Jupyter replaces {name} only if the line has no other braces, such as "
    "JSON's. Write JSON's braces twice ({{ and }}), or use a %%bash cell"
)


def main(argv: Sequence[str]) -> int:
    """Replace this process with the named command, which then has the exit code, signals and terminal."""
    name, arguments = argv[0].removesuffix(".sh"), list(argv[1:])
    if literal := next(filter(NAME_IN_BRACES.fullmatch, arguments), None):
        print(f"{name}: {literal} {NOT_REPLACED}", file=sys.stderr)
        return 2
    if name in ("kafkacat", "ab"):
        return import_module(f"eventlab.commands.{name}").main(arguments)
    try:
        invocation = TOOLS[name](settings, name, arguments)
        config.render(settings)
        variables = environment.full(settings) | invocation.variables
    except EventlabError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 2 if isinstance(error, ToolUsageError) else 1
    for note in invocation.notes:
        print(f"{name}: {note}", file=sys.stderr)
    sys.stdout.flush()
    command, environ = invocation.command, {key: value for key, value in variables.items() if value is not None}
    if invocation.hides_frames:
        return run_without_frames(command, environ)
    os.execve(command[0], command, environ)


def run_without_frames(command: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run a Java command without the stack traces in its standard error, and return its exit code.

    kafka-consumer-groups exits with 0 after an error that it prints with a stack trace; then the exit code is 1.
    """
    failed = False
    with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        with contextlib.suppress(KeyboardInterrupt):  # the command gets Ctrl-C too
            for line in process.stderr:
                if JAVA_FRAME.match(line):
                    failed = True
                else:
                    print(line, end="", file=sys.stderr, flush=True)
    if process.returncode == 0:
        return int(failed)
    return process.returncode if process.returncode > 0 else 128 - process.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
