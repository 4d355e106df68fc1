"""The command: from argv to an exit code."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable

from eventlab.kafkacat import usage
from eventlab.kafkacat.options import NAMES, Options, parse
from eventlab.kafkacat.properties import Properties, gather
from eventlab.kafkacat.report import Fatal, UsageError, client_error, error, info

RUNNERS = {
    "C": "eventlab.kafkacat.consume:run",
    "P": "eventlab.kafkacat.produce:run",
    "L": "eventlab.kafkacat.listing:run",
    "Q": "eventlab.kafkacat.listing:query",
    "G": "eventlab.kafkacat.group:run",
}
"""By name, so that each mode imports only what it needs: the start is most of a short run's time."""

PAGES = {"help": lambda: usage.HELP, "version": usage.version, "list": usage.properties}


def main(argv: list[str] | None = None) -> int:
    """Run `kafkacat` with these arguments (default: the process's) and return its exit code."""
    try:
        return _run(parse(sys.argv[1:] if argv is None else argv, _stdin_is_tty()))
    except UsageError as wrong:
        print(f"Error: {wrong}\n\n{usage.USAGE}\n(kafkacat -h explains them)", file=sys.stderr)
        return 1
    except Fatal as wrong:
        error(str(wrong))
        return 1
    except BrokenPipeError:  # `| head` has seen enough; kcat's exit code, without its complaint
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as wrong:  # a full disk, a certificate's file that is not there
        error(": ".join(filter(None, (wrong.filename, wrong.strerror))) or str(wrong))
        return 1
    except KeyboardInterrupt:
        sys.unraisablehook = lambda unraisable: None  # kafka-python's coroutines, cut off while connecting
        return 130


def _run(options: Options) -> int:
    if options.wants:
        sys.stdout.write(PAGES[options.wants]())
        return 0
    properties = gather(options, os.environ)
    properties["bootstrap_servers"] = options.brokers or properties.get("bootstrap_servers") or _own_brokers()
    if options.mode_inferred and not options.quiet:
        info(f"Auto-selecting {NAMES[options.mode]} mode (use -P or -C to override)")
    if options.debug:
        import logging

        logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
    return _call(_runner(options.mode), options, properties)


def _call(runner: Callable[[Options, Properties], int], options: Options, properties: Properties) -> int:
    from kafka.errors import KafkaError

    try:
        return runner(options, properties)
    except KafkaError as wrong:
        raise Fatal(client_error(wrong)) from wrong


def _runner(mode: str) -> Callable[[Options, Properties], int]:
    module, name = RUNNERS[mode].split(":")
    runner: Callable[[Options, Properties], int] = getattr(importlib.import_module(module), name)
    return runner


def _own_brokers() -> str:
    from eventlab.settings import settings

    return settings.bootstrap_servers


def _stdin_is_tty() -> bool:
    try:
        return os.isatty(0)
    except OSError:
        return False
