"""Signal handling of commands that run for a long time."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

INTERRUPTED = 130
"""The exit code of a command that a signal has ended."""
CONTINUE = "Stopped. All grades so far are saved: run the same command again to continue."


@contextmanager
def terminable(message: str = "Interrupted.") -> Iterator[None]:
    """Handle SIGTERM like Ctrl-C, and ignore further signals during the clean-up after the first.

    Args:
        message: What is printed before the command ends with exit code 130.
    """
    numbers = (signal.SIGINT, signal.SIGTERM)

    def interrupt(*_: object) -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    previous = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    except KeyboardInterrupt:
        click.echo(message, err=True)
        sys.exit(INTERRUPTED)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
