"""What all modes share: a Kafka client that gives up in time, signals, and messages in librdkafka's words."""

from __future__ import annotations

import re
import signal
import sys
import threading
from types import FrameType
from typing import Any

from kafka.errors import BrokerResponseError, KafkaTimeoutError

TIMEOUT_MS = 5000  # the default of kcat's -m
TRANSPORT_FAILURE = "Local: Broker transport failure"
ALL_BROKERS_DOWN = "Local: All broker connections are down"
INVALID_TOPIC = "Broker: Invalid topic"
UNKNOWN_TOPIC = "Broker: Unknown topic or partition"


class FatalError(Exception):
    """Raised when the run cannot continue: printed as `% ERROR: ...`, exit code 1."""


def connect(client_class: type, brokers: str, failure: str, **config: Any) -> Any:
    """Return a connected client of kafka-python; `brokers` are its bootstrap servers.

    Raises:
        FatalError: No broker answers within the timeout. The message begins with `failure`.
    """
    config |= {"bootstrap_servers": brokers, "client_id": "kafkacat", "reconnect_backoff_max_ms": 500}
    try:
        return client_class(bootstrap_timeout_ms=TIMEOUT_MS, request_timeout_ms=TIMEOUT_MS, **config)
    except KafkaTimeoutError as error:
        raise no_answer(failure, brokers) from error


def no_answer(failure: str, brokers: str) -> FatalError:
    """Return the error for brokers that do not answer, with the next command to run."""
    return FatalError(f"{failure} (no broker answers at {brokers}; next: eventlab status)")


def stop_on_signals() -> threading.Event:
    """Return an event that Ctrl-C (SIGINT) or SIGTERM sets; a second signal raises KeyboardInterrupt."""
    stop = threading.Event()

    def handle(number: int, frame: FrameType | None) -> None:
        stop.set()
        signal.signal(number, signal.default_int_handler)

    signal.signal(signal.SIGINT, handle)
    signal.signal(signal.SIGTERM, handle)
    return stop


def print_info(message: str) -> None:
    """Print a message on stderr as kcat does."""
    print(f"% {message}", file=sys.stderr, flush=True)


def kafka_message(error: Exception) -> str:
    """Return the message of an error; for a broker's error in librdkafka's words ("Broker: Invalid topic")."""
    if not isinstance(error, BrokerResponseError):
        return str(error)
    name = type(error).__name__.removesuffix("Error")
    return "Broker: " + re.sub(r"(?<!^)(?=[A-Z])", " ", name).capitalize()
