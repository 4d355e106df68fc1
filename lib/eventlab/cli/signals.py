"""Signals of long commands."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click


@contextmanager
def terminable() -> Iterator[None]:
    """SIGTERM ends a long command the way Ctrl-C does, and a second of either does not interrupt its clean-up."""
    numbers = (signal.SIGINT, signal.SIGTERM)

    def interrupt(*_: object) -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def continuable() -> Iterator[None]:
    """End grading on Ctrl-C or SIGTERM with exit code 130, and print how to continue."""
    try:
        with terminable():
            yield
    except KeyboardInterrupt:
        click.echo("Stopped. What is graded is kept: run the same command again to continue.", err=True)
        sys.exit(130)
