"""What all modes share: a consumer whose connections can be looked at, and an orderly end on Ctrl-C."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Self

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError, KafkaTimeoutError
from kafka.net.compat import KafkaNetClient

from eventlab.kafkacat.options import Options
from eventlab.kafkacat.properties import Properties
from eventlab.kafkacat.report import TRANSPORT_FAILURE, Fatal, client_error, unreachable


def common(options: Options, properties: Properties) -> dict[str, Any]:
    """Parameters for every client: give up after `-m` seconds, come back fast after a broker's restart."""
    return {
        "client_id": "kafkacat",
        "bootstrap_timeout_ms": timeout_ms(options),
        "reconnect_backoff_max_ms": 500,
        **properties,
    }


def accepted(by: Any, parameters: dict[str, Any]) -> dict[str, Any]:
    """The parameters that this kind of client has: a producer's property does not hurt a consumer."""
    return {name: value for name, value in parameters.items() if name in by.DEFAULT_CONFIG}


def timeout_ms(options: Options) -> float | None:
    return None if options.timeout_s < 0 else options.timeout_s * 1000


class Reader:
    """A KafkaConsumer and a look at its connections, which it mends and loses without a word."""

    def __init__(self, options: Options, properties: Properties, what: str) -> None:
        self.brokers = properties["bootstrap_servers"]
        self.timeout_ms = timeout_ms(options)
        parameters = {
            "check_crcs": False,
            "isolation_level": "read_committed",
            "metrics_enabled": False,
            "max_poll_records": 5000,
            **common(options, properties),
            "kafka_client": self._connect,
        }
        try:
            self.consumer = KafkaConsumer(**accepted(KafkaConsumer, parameters))
        except KafkaTimeoutError as wrong:
            where = unreachable(properties["bootstrap_servers"])
            raise Fatal(f"{what}: {TRANSPORT_FAILURE} {where}") from wrong
        except KafkaError as wrong:
            raise Fatal(f"{what}: {client_error(wrong)}") from wrong

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.consumer.close(autocommit=kind is None, timeout_ms=2000)  # what was not printed is not committed

    def leader(self, partition: TopicPartition) -> int:
        """The id of the broker that serves this partition, -1 where nobody knows."""
        leader = self._client.cluster.leader_for_partition(partition)
        return -1 if leader is None else leader

    def partitions(self, topic: str) -> list[TopicPartition]:
        """The topic's partitions in order; empty where there is no such topic."""
        return [TopicPartition(topic, number) for number in sorted(self.consumer.partitions_for_topic(topic))]

    def knows(self, partition: TopicPartition) -> bool:
        """Whether the latest metadata has this partition; asks nobody."""
        return partition.partition in (self._client.cluster.partitions_for_topic(partition.topic) or ())

    def connected(self) -> bool:
        brokers = self._client.cluster.brokers()
        return any(self._client.connected(broker.node_id) for broker in brokers)

    def _connect(self, **parameters: Any) -> KafkaNetClient:
        self._client = KafkaNetClient(**parameters)
        # Ask for all topics at once: asking for one by name may create it, and a second request waits 100 ms.
        self._client.cluster.need_all_topic_metadata = True
        return self._client


def connect(options: Options, properties: Properties, stop: Stop, what: str) -> Reader:
    """A connected Reader; Ctrl-C need not wait for brokers that do not answer.

    Raises Fatal, beginning with `what`.
    """
    with stop.breaking():
        return Reader(options, properties, what)


class Stop:
    """Ctrl-C or SIGTERM asks for an orderly end; a second one ends at once."""

    def __init__(self) -> None:
        self.requested = False
        self._breaking = False

    def __enter__(self) -> Self:
        self._before: dict[signal.Signals, Any] = {}
        if threading.current_thread() is threading.main_thread():
            self._before = {
                number: signal.signal(number, self._signalled) for number in (signal.SIGINT, signal.SIGTERM)
            }
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextmanager
    def breaking(self) -> Iterator[None]:
        """Within this, a signal raises KeyboardInterrupt: for a read that may wait for ever."""
        self._breaking = True
        try:
            if self.requested:
                raise KeyboardInterrupt
            yield
        finally:
            self._breaking = False

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        again, self.requested = self.requested, True
        if again or self._breaking:
            raise KeyboardInterrupt
