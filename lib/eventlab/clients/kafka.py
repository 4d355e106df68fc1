"""Kafka: clients that give up in time, administration, offsets, and bounded reading of a topic.

`kafka` (kafka-python) is imported when a function is called, because the import takes most of a second.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from eventlab.clients import ports
from eventlab.errors import EventlabError, ServiceUnavailable

if TYPE_CHECKING:
    from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
    from kafka.consumer.fetcher import ConsumerRecord

logger = logging.getLogger(__name__)

TIMEOUT_S = 5.0
"""Seconds to wait for the answer to one request."""
READ_TIMEOUT_S = 10.0
"""Seconds without a new record after which a bounded read fails."""
POLL_MS = 200


class KafkaUnavailable(ServiceUnavailable):
    """No broker answers at the bootstrap servers."""

    def __init__(self, bootstrap_servers: str, reason: object) -> None:
        message = f"Kafka does not answer at {bootstrap_servers}: {reason}"
        super().__init__(message, next_command="eventlab up kafka")


class TopicError(EventlabError):
    """A topic could not be created or deleted."""


@dataclass(frozen=True)
class Offsets:
    """The offsets of a topic at one moment.

    Attributes:
        first: The offset of the first message of each partition.
        end: The offset that the next message of each partition will get.
    """

    first: dict[int, int]
    end: dict[int, int]

    @property
    def messages(self) -> int:
        """Return the number of offsets between first and end, which counts deleted and control messages too."""
        return sum(self.end.values()) - sum(self.first.values())


@contextmanager
def open_admin(bootstrap_servers: str, timeout_s: float = TIMEOUT_S) -> Iterator[KafkaAdminClient]:
    """Open kafka-python's admin client and close it at the end of the block.

    Args:
        bootstrap_servers: `host:port`, several with commas.
        timeout_s: Seconds for connecting and for each request.

    Raises:
        KafkaUnavailable: No broker answers, also later in the block.
    """
    import kafka

    options = client_options(bootstrap_servers, timeout_s)
    with _available(bootstrap_servers, timeout_s), closing(kafka.KafkaAdminClient(**options)) as admin:
        yield admin


@contextmanager
def open_consumer(bootstrap_servers: str, timeout_s: float = TIMEOUT_S, **options: Any) -> Iterator[KafkaConsumer]:
    """Open a consumer that belongs to no group, commits no offsets and creates no topic.

    Args:
        bootstrap_servers: `host:port`, several with commas.
        timeout_s: Seconds for connecting and for each request.
        **options: Further options of `kafka.KafkaConsumer`.

    Raises:
        KafkaUnavailable: No broker answers, also later in the block.
    """
    import kafka

    defaults = {
        **client_options(bootstrap_servers, timeout_s),
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "allow_auto_create_topics": False,
        "metrics_enabled": False,
        "reconnect_backoff_max_ms": 500,
    }
    with _available(bootstrap_servers, timeout_s):
        consumer = kafka.KafkaConsumer(**(defaults | options))
        try:
            yield consumer
        finally:
            consumer.close(autocommit=False, timeout_ms=1000)


@contextmanager
def open_producer(bootstrap_servers: str, timeout_s: float = TIMEOUT_S, **options: Any) -> Iterator[KafkaProducer]:
    """Open a producer whose messages every in-sync replica acknowledges; flush and close it after the block.

    Args:
        bootstrap_servers: `host:port`, several with commas.
        timeout_s: Seconds for connecting, and twice as many for the delivery of a message.
        **options: Further options of `kafka.KafkaProducer`.

    Raises:
        KafkaUnavailable: No broker answers, also later in the block.
    """
    import kafka

    milliseconds = int(timeout_s * 1000)
    defaults = {
        **client_options(bootstrap_servers, timeout_s),
        "acks": "all",
        "max_block_ms": milliseconds,
        "delivery_timeout_ms": 2 * milliseconds,
    }
    with (
        _available(bootstrap_servers, timeout_s),
        closing(kafka.KafkaProducer(**(defaults | options))) as producer,
    ):
        yield producer
        producer.flush(timeout=2 * timeout_s)


def client_options(bootstrap_servers: str, timeout_s: float = TIMEOUT_S) -> dict[str, Any]:
    """Return the options with which every client of kafka-python gives up after `timeout_s` seconds."""
    milliseconds = int(timeout_s * 1000)
    return {
        "bootstrap_servers": bootstrap_servers,
        "bootstrap_timeout_ms": milliseconds,
        "request_timeout_ms": milliseconds,
    }


def check_broker(bootstrap_servers: str, timeout_s: float = TIMEOUT_S) -> None:
    """Send a metadata request.

    Raises:
        KafkaUnavailable: No broker answers, or the cluster has no broker yet.
    """
    with open_admin(bootstrap_servers, timeout_s) as admin:
        if not admin.describe_cluster()["brokers"]:
            raise KafkaUnavailable(bootstrap_servers, "the cluster has no broker yet")


def list_topics(bootstrap_servers: str) -> list[str]:
    """Return the names of all topics in alphabetical order, without Kafka's internal ones (`__...`)."""
    with open_admin(bootstrap_servers) as admin:
        return sorted(name for name in admin.list_topics() if not name.startswith("__"))


def topic_id(bootstrap_servers: str, topic: str) -> str | None:
    """Return Kafka's id of a topic, which changes when the topic is deleted and created again, or None.

    Brokers before 2.8 have no ids; theirs consists of zeros.
    """
    with open_admin(bootstrap_servers) as admin:
        if topic not in admin.list_topics():
            return None
        return str(admin.describe_topics([topic])[0].get("topic_id"))


def create_topic(
    bootstrap_servers: str,
    topic: str,
    partitions: int = 1,
    *,
    exist_ok: bool = False,
    timeout_s: float = 15.0,
    configs: Mapping[str, str] | None = None,
) -> bool:
    """Create a topic with replication factor 1 and wait until every partition has a leader.

    A topic of that name whose deletion is not complete yet is waited for.

    Args:
        bootstrap_servers: `host:port`, several with commas.
        topic: Its name.
        partitions: The number of its partitions.
        exist_ok: Accept a topic that exists.
        timeout_s: Seconds to wait for the deletion of the old topic.
        configs: Topic settings, for example `{"retention.ms": "1000"}`.

    Returns:
        Whether it was created; False when it exists and `exist_ok` is set.

    Raises:
        KafkaUnavailable: No broker answers.
        TopicError: The topic exists, or Kafka refuses it.
    """
    from kafka.errors import KafkaError, TopicAlreadyExistsError

    wanted: dict[str, Any] = {"num_partitions": partitions, "replication_factor": 1}
    if configs:
        wanted["configs"] = dict(configs)
    deadline = time.monotonic() + timeout_s
    with open_admin(bootstrap_servers) as admin:
        while True:
            try:
                admin.create_topics({topic: wanted})
                admin.wait_for_topics([topic])
                return True
            except TopicAlreadyExistsError as error:
                if exist_ok:
                    return False
                if time.monotonic() > deadline:
                    raise TopicError(f"the topic {topic!r} exists at {bootstrap_servers}") from error
                time.sleep(0.05)
            except KafkaError as error:
                if _is_unreachable(error):
                    raise
                raise TopicError(f"Kafka could not create the topic {topic!r}: {error}") from error


def delete_topics(bootstrap_servers: str, topics: Sequence[str]) -> None:
    """Delete those of the topics that exist.

    Raises:
        KafkaUnavailable: No broker answers.
    """
    with open_admin(bootstrap_servers) as admin:
        if existing := sorted(set(topics) & set(admin.list_topics())):
            admin.delete_topics(existing)


def topic_offsets(bootstrap_servers: str, topic: str, timeout_s: float = TIMEOUT_S) -> Offsets | None:
    """Return the first and end offsets of a topic, or None when it does not exist.

    Raises:
        KafkaUnavailable: No broker answers.
    """
    with open_consumer(bootstrap_servers, timeout_s) as consumer:
        return offsets_of(consumer, topic)


def offsets_of(consumer: KafkaConsumer, topic: str) -> Offsets | None:
    """Return the offsets of a topic as `topic_offsets` does, with an open consumer."""
    from kafka import TopicPartition

    if topic not in consumer.topics():  # asking for one topic by its name could create it
        return None
    partitions = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic) or ())]
    first, end = consumer.beginning_offsets(partitions), consumer.end_offsets(partitions)
    return Offsets(
        {partition.partition: first[partition] for partition in partitions},
        {partition.partition: end[partition] for partition in partitions},
    )


def read_topic(
    bootstrap_servers: str,
    topic: str,
    *,
    start: Mapping[int, int] | None = None,
    timeout_s: float = READ_TIMEOUT_S,
) -> Iterator[ConsumerRecord]:
    """Read a topic from its beginning to its end at the time of the call, partition by partition.

    Args:
        bootstrap_servers: `host:port`, several with commas.
        topic: Its name; a topic that does not exist has no records.
        start: The offset at which to start in each partition; without one, the first.
        timeout_s: Seconds without a new record after which the read fails.

    Yields:
        kafka-python's `ConsumerRecord`, in the order of the offsets.

    Raises:
        KafkaUnavailable: No broker answers, or it stops answering before the end is reached.
    """
    with open_consumer(bootstrap_servers) as consumer:
        offsets = offsets_of(consumer, topic)
        if offsets is not None:
            yield from read_range(consumer, topic, dict(offsets.first) | dict(start or {}), offsets.end, timeout_s)


def read_range(
    consumer: KafkaConsumer,
    topic: str,
    start: Mapping[int, int],
    end: Mapping[int, int],
    timeout_s: float = READ_TIMEOUT_S,
) -> Iterator[ConsumerRecord]:
    """Read from the start offset of each partition up to, not including, its end offset.

    Args:
        consumer: An open consumer; its assignment is changed.
        topic: The topic's name.
        start: The first offset to read, by partition.
        end: The offset at which to stop, by partition.
        timeout_s: Seconds without progress after which the read fails.

    Yields:
        kafka-python's `ConsumerRecord`, partition by partition.

    Raises:
        KafkaUnavailable: The broker does not deliver the records.
    """
    from kafka import TopicPartition

    for number in sorted(end):
        partition = TopicPartition(topic, number)
        consumer.assign([partition])
        consumer.seek(partition, start[number])
        position, deadline = start[number], time.monotonic() + timeout_s
        while position < end[number]:
            for record in consumer.poll(timeout_ms=POLL_MS).get(partition, []):
                if record.offset < end[number]:
                    yield record
            reached = consumer.position(partition, timeout_ms=POLL_MS)
            if reached is not None and reached > position:
                position, deadline = reached, time.monotonic() + timeout_s
            elif time.monotonic() > deadline:
                reason = f"no record of topic {topic!r} arrived for {timeout_s:.0f} s"
                raise KafkaUnavailable(_servers(consumer), f"{reason}, at offset {position} of partition {number}")


def committed_offsets(bootstrap_servers: str, group: str, topic: str) -> dict[int, int]:
    """Return the offsets that a consumer group has committed for a topic, by partition; {} when there are none.

    Raises:
        KafkaUnavailable: No broker answers.
    """
    from kafka.errors import CoordinatorNotAvailableError

    with open_admin(bootstrap_servers) as admin:
        try:
            committed = admin.list_group_offsets({group: None}).get(group, {})
        except CoordinatorNotAvailableError:  # nothing has ever been committed on this broker
            return {}
    return {
        at.partition: entry.offset for at, entry in committed.items() if at.topic == topic and entry.offset >= 0
    }


@contextmanager
def silenced() -> Iterator[None]:
    """Hold back kafka-python's own log, which reports every broker that does not answer."""
    library = logging.getLogger("kafka")
    before, library.level = library.level, logging.CRITICAL + 1
    try:
        yield
    finally:
        library.level = before


@contextmanager
def _available(bootstrap_servers: str, timeout_s: float) -> Iterator[None]:
    """Check the connection, silence the library, and turn its connection errors into KafkaUnavailable."""
    from kafka.errors import KafkaError

    _check_connection(bootstrap_servers, timeout_s)
    with silenced():
        try:
            yield
        except KafkaError as error:
            if _is_unreachable(error):
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


def _is_unreachable(error: Exception) -> bool:
    """Return whether an error of kafka-python says that no broker answered."""
    from kafka import errors

    kinds = (errors.KafkaTimeoutError, errors.KafkaConnectionError, errors.NodeNotReadyError)
    return isinstance(
        error, (*kinds, errors.RequestTimedOutError, errors.Cancelled, errors.MetadataEmptyBrokerList)
    )


def _servers(consumer: KafkaConsumer) -> str:
    servers = consumer.config["bootstrap_servers"]
    return servers if isinstance(servers, str) else ",".join(servers)
