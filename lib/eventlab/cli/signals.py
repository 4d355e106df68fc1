"""Signal handling of commands that run for a long time."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click


@contextmanager
def terminable() -> Iterator[None]:
    """Handle SIGTERM like Ctrl-C, and ignore further signals during the clean-up after the first."""
    numbers = (signal.SIGINT, signal.SIGTERM)

    def interrupt(*_: object) -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    previous = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def continuable() -> Iterator[None]:
    """End grading on Ctrl-C or SIGTERM with exit code 130, and print how to continue."""
    try:
        with terminable():
            yield
    except KeyboardInterrupt:
        click.echo("Stopped. All grades so far are saved: run the same command again to continue.", err=True)
        sys.exit(130)
