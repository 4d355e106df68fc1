"""What goes to stderr, in kcat's words, and the two ways in which a run ends early."""

from __future__ import annotations

import sys

TRANSPORT_FAILURE = "Local: Broker transport failure"
ALL_BROKERS_DOWN = "Local: All broker connections are down"
INVALID_ARGUMENT = "Local: Invalid argument or configuration"
TIMED_OUT = "Local: Timed out"
MESSAGE_TIMED_OUT = "Local: Message timed out"
UNKNOWN_PARTITION = "Local: Unknown partition"
INVALID_TOPIC = "Broker: Invalid topic"
UNKNOWN_TOPIC = "Broker: Unknown topic or partition"

_BY_CODE = {
    3: UNKNOWN_TOPIC,
    5: "Broker: Leader not available",
    6: "Broker: Not leader for partition",
    7: "Broker: Request timed out",
    9: "Broker: Replica not available",
    10: "Broker: Message size too large",
    17: INVALID_TOPIC,
    21: "Broker: Invalid required acks value",
    19: "Broker: Not enough in-sync replicas",
    29: "Broker: Topic authorization failed",
    30: "Broker: Group authorization failed",
    31: "Broker: Cluster authorization failed",
    87: "Broker: Broker failed to validate record",
}


class Fatal(Exception):
    """The run can't go on: printed as `% ERROR: ...`, exit code 1."""


class UsageError(Exception):
    """The command line is wrong: printed with the usage line, exit code 1."""


def error(text: str) -> None:
    print(f"% ERROR: {text}", file=sys.stderr, flush=True)


def info(text: str) -> None:
    print(f"% {text}", file=sys.stderr, flush=True)


def broker_error(code: int) -> str:
    """A broker's error code as librdkafka words it."""
    return _BY_CODE.get(code) or f"Broker: error {code}"


def client_error(exception: BaseException) -> str:
    """An exception of kafka-python in librdkafka's words where it has some, in its own otherwise."""
    code = getattr(exception, "errno", None)
    if code in _BY_CODE:
        return _BY_CODE[code]
    description = getattr(exception, "description", None)
    if description:
        return f"Broker: {description}"
    name = type(exception).__name__
    if name == "KafkaTimeoutError":
        return TIMED_OUT
    if name in ("KafkaConnectionError", "NodeNotReadyError"):
        return TRANSPORT_FAILURE
    return str(exception) or name


def unreachable(brokers: str) -> str:
    """The question that a learner asks next."""
    return f"(no broker answers at {brokers}; does it run? eventlab status)"
