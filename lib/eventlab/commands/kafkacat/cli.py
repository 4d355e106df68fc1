"""The command: from argv to an exit code."""

from __future__ import annotations

import os
import sys

from kafka.errors import KafkaError

from eventlab.commands.kafkacat import consume, listing, produce
from eventlab.commands.kafkacat.options import HELP, USAGE, parse
from eventlab.commands.kafkacat.report import Fatal, UsageError, client_error, error, info
from eventlab.settings import settings

RUNNERS = {"C": consume.run, "P": produce.run, "L": listing.run}
NAMES = {"C": "Consumer", "P": "Producer"}


def main(argv: list[str] | None = None) -> int:
    """Run `kafkacat` with these arguments (default: the process's) and return its exit code."""
    try:
        return _run(sys.argv[1:] if argv is None else argv)
    except UsageError as wrong:
        print(f"Error: {wrong}\n\n{USAGE}\n(kafkacat -h explains the flags)", file=sys.stderr)
    except Fatal as wrong:
        error(str(wrong))
    except KafkaError as wrong:
        error(client_error(wrong))
    except OSError as wrong:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still buffered has nowhere to go
        if not isinstance(wrong, BrokenPipeError):  # `| head` has seen enough; kcat complains about it
            error(wrong.strerror or str(wrong))
    except KeyboardInterrupt:
        sys.unraisablehook = lambda unraisable: None  # kafka-python's coroutines, cut off while connecting
        return 130
    return 1


def _run(argv: list[str]) -> int:
    options = parse(argv, settings.bootstrap_servers)
    if options.help:
        print(HELP, end="")
        return 0
    mode = options.mode
    if not mode:
        mode = "C" if os.isatty(0) else "P"
        if not options.quiet:
            info(f"Auto-selecting {NAMES[mode]} mode (use -P or -C to override)")
    return RUNNERS[mode](options)
