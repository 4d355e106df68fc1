"""Connections to Kafka with timeouts, and one error for all cases in which no broker answers.

`bootstrap_servers` is always `host:port`, several separated by commas. `timeout_s` applies to connecting and to
each request; KafkaUnavailable can also be raised later in the block. `kafka` (kafka-python) is imported when a
function is called, because the import takes most of a second.
"""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from eventlab.clients import ports
from eventlab.errors import ServiceUnavailable

if TYPE_CHECKING:
    from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer

logger = logging.getLogger(__name__)
logging.getLogger("kafka").addHandler(logging.NullHandler())
"""kafka-python logs each broker that does not answer; without a handler, Python would print that."""

WAITS_ARE_LONG = os.environ.get("EVENTLAB_WAITS") == "long" or bool(os.environ.get("NBGRADER_EXECUTION"))
"""Whether timeouts are long, as in grading: on a busy machine, a short one would fail a right solution."""
TIMEOUT_S = 15.0 if WAITS_ARE_LONG else 4.5
"""A suspended broker can delay a reader by three timeouts. Together they must be shorter than 15 s for a learner,
and than the 60 s of a check in grading."""

NOTEBOOK_DEFAULTS = {
    "KafkaConsumer": {"bootstrap_timeout_ms": 10_000, "request_timeout_ms": 10_000},
    "KafkaAdminClient": {"bootstrap_timeout_ms": 10_000, "request_timeout_ms": 10_000},
    "KafkaProducer": {
        "bootstrap_timeout_ms": 7000,
        "request_timeout_ms": 4000,
        "max_block_ms": 8000,
        "delivery_timeout_ms": 9000,
    },
}
"""Timeouts of the clients that a learner creates; kafka-python's own defaults wait for up to two minutes."""


class KafkaUnavailable(ServiceUnavailable):
    """No broker answers at the bootstrap servers."""

    def __init__(self, bootstrap_servers: str, reason: object) -> None:
        message = f"Kafka does not answer at {bootstrap_servers}: {reason}"
        super().__init__(message, next_command="eventlab up kafka")


def shorten_default_timeouts() -> None:
    """Make kafka-python's clients in this process give up within 15 seconds, if a program sets no timeout.

    With EVENTLAB_WAITS=long, they keep kafka-python's own timeouts.
    """
    if WAITS_ARE_LONG:
        return
    import kafka

    for name, timeouts in NOTEBOOK_DEFAULTS.items():
        kind = getattr(kafka, name)
        kind.DEFAULT_CONFIG.update(timeouts)
        if not hasattr(kind.__init__, "__wrapped__"):
            _adapt_defaults(kind)


def _adapt_defaults(kind: Any) -> None:
    """Lengthen the default timeouts of a client class where kafka-python refuses them with a program's options."""
    create = kind.__init__

    @functools.wraps(create)
    def init(client: Any, *topics: str, **options: Any) -> None:
        create(client, *topics, **(longer_timeouts(kind.__name__, options) | options))

    kind.__init__ = init


def longer_timeouts(client: str, chosen: Mapping[str, Any]) -> dict[str, int]:
    """Return the timeouts that must be longer than in NOTEBOOK_DEFAULTS, because of a program's options.

    A delivery takes at least a request and `linger_ms`; a request takes longer than `fetch_max_wait_ms`.
    """
    defaults = NOTEBOOK_DEFAULTS[client]
    try:
        least = {
            "request_timeout_ms": chosen.get("fetch_max_wait_ms", 0) + 1000,
            "delivery_timeout_ms": chosen.get("request_timeout_ms", defaults["request_timeout_ms"])
            + chosen.get("linger_ms", 0),
        }
    except TypeError:  # the program's mistake, which kafka-python reports
        return {}
    return {name: value for name, value in least.items() if name in defaults and value > defaults[name]}


@contextmanager
def open_admin(bootstrap_servers: str, timeout_s: float = TIMEOUT_S, **more: Any) -> Iterator[KafkaAdminClient]:
    """Open kafka-python's admin client, with further options, for the duration of the block."""
    import kafka

    options = _options(bootstrap_servers, timeout_s) | more
    with _available(bootstrap_servers, timeout_s), closing(kafka.KafkaAdminClient(**options)) as admin:
        yield admin


@contextmanager
def open_consumer(bootstrap_servers: str, timeout_s: float = TIMEOUT_S, **options: Any) -> Iterator[KafkaConsumer]:
    """Open a consumer that belongs to no group, commits no offsets and creates no topic."""
    import kafka

    defaults = {
        **_options(bootstrap_servers, timeout_s),
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "allow_auto_create_topics": False,
        "metrics_enabled": False,
        "reconnect_backoff_max_ms": 500,
        "fetch_max_wait_ms": 50,  # after a topic's end, the next request waits for the answer to the last one
    }
    with _available(bootstrap_servers, timeout_s):
        consumer = kafka.KafkaConsumer(**(defaults | options))
        # kafka-python 3.0 does not pass this option on to its metadata requests.
        consumer._cluster.config["allow_auto_create_topics"] = False
        try:
            yield consumer
        finally:
            consumer.close(autocommit=False, timeout_ms=1000)


@contextmanager
def open_producer(bootstrap_servers: str, **options: Any) -> Iterator[KafkaProducer]:
    """Open a producer whose messages every in-sync replica acknowledges; flush and close it after the block.

    The delivery of a message may take 2 * TIMEOUT_S seconds.
    """
    import kafka

    defaults = {
        **_options(bootstrap_servers, TIMEOUT_S),
        "acks": "all",
        "max_block_ms": int(TIMEOUT_S * 1000),
        "delivery_timeout_ms": int(TIMEOUT_S * 2000),
    }
    with (
        _available(bootstrap_servers, TIMEOUT_S),
        closing(kafka.KafkaProducer(**(defaults | options))) as producer,
    ):
        yield producer
        producer.flush(timeout=2 * TIMEOUT_S)


def _options(bootstrap_servers: str, timeout_s: float) -> dict[str, Any]:
    """Return the options with which every client of kafka-python gives up after `timeout_s` seconds."""
    milliseconds = int(timeout_s * 1000)
    return {
        "bootstrap_servers": bootstrap_servers,
        "bootstrap_timeout_ms": milliseconds,
        "request_timeout_ms": milliseconds,
    }


@contextmanager
def _available(bootstrap_servers: str, timeout_s: float) -> Iterator[None]:
    """Check the connection, and turn kafka-python's connection errors into KafkaUnavailable."""
    from kafka.errors import KafkaError

    logger.debug("connecting to Kafka at %s", bootstrap_servers)
    _check_connection(bootstrap_servers, timeout_s)
    try:
        yield
    except KafkaError as error:
        if is_unreachable(error):
            raise KafkaUnavailable(bootstrap_servers, error or type(error).__name__) from error
        raise


def _check_connection(bootstrap_servers: str, timeout_s: float) -> None:
    """Require that one of the servers accepts connections."""
    reasons = []
    for address in bootstrap_servers.split(","):
        try:
            return ports.check_connection(address.strip(), min(timeout_s, ports.TIMEOUT_S))
        except ServiceUnavailable as error:
            reasons.append(error.message)
    raise KafkaUnavailable(bootstrap_servers, "; ".join(reasons))


def is_unreachable(error: Exception) -> bool:
    """Return whether an error of kafka-python says that no broker answered."""
    from kafka import errors

    connection = (errors.KafkaTimeoutError, errors.KafkaConnectionError, errors.NodeNotReadyError)
    request = (errors.RequestTimedOutError, errors.Cancelled, errors.MetadataEmptyBrokerList)
    return isinstance(error, connection + request)
