"""Handle the signals that ask a program to stop: SIGINT (Ctrl-C) and SIGTERM."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread
from typing import Any

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
FROM_OUTSIDE = (*STOP_SIGNALS, signal.SIGHUP, signal.SIGKILL)
"""Signals that another process or the kernel sends. An error of the program itself does not cause them."""


@contextmanager
def stop_signals_handled_by(handler: Callable[..., Any] | signal.Handlers) -> Iterator[None]:
    """Set the handler of both signals for the duration of the block.

    Python runs signal handlers in the main thread only, so in another thread this changes nothing.
    """
    if current_thread() is not main_thread():
        yield
        return
    previous = {number: signal.signal(number, handler) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, earlier in previous.items():
            signal.signal(number, earlier)


@contextmanager
def stop_signals_deferred() -> Iterator[None]:
    """Handle a signal that arrives during the block at its end, for example while threads are started.

    A KeyboardInterrupt inside `Thread.start` leaves a thread that runs, although its starter does not know it.
    """
    arrived: list[int] = []
    with stop_signals_handled_by(lambda number, frame: arrived.append(number)):
        yield
    for number in arrived[:1]:
        signal.raise_signal(number)
