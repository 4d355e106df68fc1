"""Run one of the commands of `stack/bin` by its name."""

import os
import sys
from collections.abc import Sequence
from importlib import import_module

from eventlab.commands.tools import TOOLS, ToolUsageError
from eventlab.errors import EventlabError
from eventlab.settings import settings
from eventlab.stack import config, environment


def main(argv: Sequence[str]) -> int:
    """Replace this process with the named command, which then has the exit code, signals and terminal."""
    name, arguments = argv[0].removesuffix(".sh"), list(argv[1:])
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
    command = invocation.command
    os.execve(command[0], command, {key: value for key, value in variables.items() if value is not None})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
