"""Handle the signals that ask a program to stop: SIGINT (Ctrl-C) and SIGTERM."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stop_signals_handled_by(handler: Callable[..., Any] | signal.Handlers) -> Iterator[None]:
    """Set the handler of both signals for the duration of the block, in the main thread."""
    previous = {number: signal.signal(number, handler) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, earlier in previous.items():
            signal.signal(number, earlier)
