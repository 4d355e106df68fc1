"""What all modes share: a client that gives up in time, and an orderly end on Ctrl-C."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

from kafka.errors import KafkaTimeoutError

from eventlab.commands.kafkacat.report import Fatal

TIMEOUT_MS = 5000
"""How long to wait for an answer: kcat's `-m`."""


def connect(client: type, brokers: str, failed: str, **parameters: Any) -> Any:
    """A client of kafka-python for these brokers. Raises Fatal, beginning with `failed`, where none answers."""
    try:
        return client(
            bootstrap_servers=brokers,
            bootstrap_timeout_ms=TIMEOUT_MS,
            client_id="kafkacat",
            reconnect_backoff_max_ms=500,
            **parameters,
        )
    except KafkaTimeoutError as wrong:
        raise unreachable(failed, brokers) from wrong


def unreachable(failed: str, brokers: str) -> Fatal:
    """What failed, and the question that a learner asks next."""
    return Fatal(f"{failed} (no broker answers at {brokers}; does it run? eventlab status)")


def stop_on_signals() -> threading.Event:
    """An event that Ctrl-C or SIGTERM sets, so that a run ends between two messages; a second one ends it at once.

    Until this is called Ctrl-C ends the run at once, for there is nothing to put in order while connecting.
    """
    stop = threading.Event()

    def signalled(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signalled)
    return stop
