"""Signal handling of commands that run for a long time."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

CONTINUE = "Stopped. All grades so far are saved: run the same command again to continue."


@contextmanager
def terminable(message: str = "Interrupted.") -> Iterator[None]:
    """Handle SIGTERM like Ctrl-C, and ignore further signals during the clean-up after the first.

    The first signal raises a KeyboardInterrupt with the message, which the root command prints.
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
        raise KeyboardInterrupt(message) from None
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
