"""What goes to stderr, in kcat's words, and the two ways in which a run ends early."""

from __future__ import annotations

import sys

from kafka.errors import KafkaError

TRANSPORT_FAILURE = "Local: Broker transport failure"
ALL_BROKERS_DOWN = "Local: All broker connections are down"
INVALID_TOPIC = "Broker: Invalid topic"
UNKNOWN_TOPIC = "Broker: Unknown topic or partition"

_BY_CODE = {
    3: UNKNOWN_TOPIC,
    5: "Broker: Leader not available",
    10: "Broker: Message size too large",
    17: INVALID_TOPIC,
}


class Fatal(Exception):
    """The run can't go on: printed as `% ERROR: ...`, exit code 1."""


class UsageError(Exception):
    """The command line is wrong: printed with the usage line, exit code 1."""


def error(text: str) -> None:
    info(f"ERROR: {text}")


def info(text: str) -> None:
    print(f"% {text}", file=sys.stderr, flush=True)


def broker_error(code: int) -> str:
    """A broker's error code as librdkafka words it."""
    return _BY_CODE.get(code) or f"Broker: error {code}"


def client_error(exception: KafkaError | ValueError) -> str:
    """An exception of kafka-python in librdkafka's words where it has some, in its own otherwise."""
    return _BY_CODE.get(getattr(exception, "errno", 0)) or str(exception) or type(exception).__name__
