"""Signal handling of commands that run for a long time."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from eventlab.signals import STOP_SIGNALS, stop_signals_handled_by

CONTINUE = "Stopped. All grades so far are saved: run the same command again to continue."


@contextmanager
def terminable(message: str = "Interrupted.") -> Iterator[None]:
    """Handle SIGTERM like Ctrl-C, and ignore further signals during the clean-up after the first.

    The first signal raises a KeyboardInterrupt with the message, which the root command prints.
    """

    def interrupt(*_: object) -> None:
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    with stop_signals_handled_by(interrupt):
        try:
            yield
        except KeyboardInterrupt:
            raise KeyboardInterrupt(message) from None
