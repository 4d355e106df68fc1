"""Run one of the commands of `stack/bin` by its name."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from eventlab.commands.tools import COMMANDS, UsageError
from eventlab.settings import settings
from eventlab.stack import config, environment


def main(argv: Sequence[str]) -> int:
    """Become the named command, so that its exit code, signals and terminal are its own."""
    name, arguments = argv[0].removesuffix(".sh"), list(argv[1:])
    if name == "kafkacat":
        from eventlab.commands import kafkacat

        return kafkacat.main(arguments)
    if name == "ab":
        from eventlab.commands import ab

        return ab.main(arguments)
    try:
        invocation = COMMANDS[name](settings, name, arguments)
    except UsageError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 2
    for note in invocation.notes:
        print(f"{name}: {note}", file=sys.stderr)
    config.render(settings)
    variables = environment.full(settings) | invocation.variables
    sys.stdout.flush()
    os.execve(invocation.words[0], invocation.words, {k: v for k, v in variables.items() if v is not None})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
