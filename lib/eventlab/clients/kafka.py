"""Kafka: topics, offsets, and bounded reading of a topic.

All functions raise KafkaUnavailable when no broker answers. The functions that open connections (`open_admin`,
`open_consumer`, `open_producer`) are in `kafka_connections.py`, and those about consumer groups are in
`kafka_groups.py`. They can be imported from here too.
"""

from __future__ import annotations

import contextlib
import json
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from eventlab.clients.kafka_connections import (
    TIMEOUT_S,
    WAITS_ARE_LONG,
    KafkaUnavailable,
    is_unreachable,
    open_admin,
    open_consumer,
)
from eventlab.clients.kafka_connections import open_producer as open_producer
from eventlab.clients.kafka_groups import commit_offsets as commit_offsets
from eventlab.clients.kafka_groups import committed_offsets as committed_offsets
from eventlab.clients.kafka_groups import remove_members as remove_members
from eventlab.errors import EventlabError

if TYPE_CHECKING:
    from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
    from kafka.consumer.fetcher import ConsumerRecord

logger = logging.getLogger(__name__)

READ_TIMEOUT_S = 20.0 if WAITS_ARE_LONG else 6.0
"""Seconds without a new record after which a read of a topic ends with KafkaUnavailable."""
RECREATE_TIMEOUT_S = 30.0
POLL_MS = 200


class TopicError(EventlabError):
    """A topic could not be created or deleted, or it is not one that the caller can use."""


@dataclass(frozen=True)
class Offsets:
    """By partition, the offset of the first message and the end offset, which the next message will get."""

    first: dict[int, int]
    end: dict[int, int]

    @property
    def count(self) -> int:
        """Return how many offsets the topic has: at least the number of its messages.

        Messages that compaction has deleted and markers of transactions have offsets too.
        """
        return sum(self.end.values()) - sum(self.first.values())


def check_broker(bootstrap_servers: str, timeout_s: float = TIMEOUT_S) -> None:
    """Send a metadata request; raise KafkaUnavailable if the cluster has no broker yet."""
    with open_admin(bootstrap_servers, timeout_s) as admin:
        if not admin.describe_cluster()["brokers"]:
            raise KafkaUnavailable(bootstrap_servers, "the cluster has no broker yet")


def advertised_listeners(bootstrap_servers: str, timeout_s: float) -> tuple[str, ...]:
    """Return the address `host:port` that each broker advertises, without connecting to it."""
    with open_admin(bootstrap_servers, timeout_s) as admin:
        # describe_cluster(), which is public, connects to the advertised listeners first.
        return tuple(f"{broker.host}:{broker.port}" for broker in admin._manager.cluster.brokers())


def list_topics(bootstrap_servers: str) -> list[str]:
    """Return the names of all topics in alphabetical order, without Kafka's internal ones (`__...`)."""
    with open_admin(bootstrap_servers) as admin:
        return sorted(name for name in admin.list_topics() if not name.startswith("__"))


def topic_id(bootstrap_servers: str, topic: str) -> str | None:
    """Return Kafka's id of a topic, which changes when the topic is deleted and created again, or None."""
    with open_admin(bootstrap_servers) as admin:
        return _topic_id(admin, topic)


def _topic_id(admin: KafkaAdminClient, topic: str) -> str | None:
    """Return the id of a topic, or None if it does not exist; a topic that was deleted has an error code."""
    described = admin.describe_topics([topic])[0]
    return None if described["error_code"] else str(described["topic_id"])


def create_topic(
    bootstrap_servers: str,
    topic: str,
    partitions: int = 1,
    *,
    exist_ok: bool = False,
    timeout_s: float = 15.0,
) -> bool:
    """Create a topic with replication factor 1, wait for the leaders of its partitions, and return True.

    If the topic exists, return False with `exist_ok`. Otherwise wait at most `timeout_s` seconds: Kafka may still
    be deleting an old topic of that name.

    Raises:
        TopicError: The topic exists, or Kafka refuses it.
    """
    from kafka.errors import KafkaError, TopicAlreadyExistsError

    deadline = time.monotonic() + timeout_s
    with open_admin(bootstrap_servers) as admin:
        while True:
            try:
                admin.create_topics({topic: {"num_partitions": partitions, "replication_factor": 1}})
                admin.wait_for_topics([topic])
                logger.info("created the topic %s with %d partitions", topic, partitions)
                return True
            except TopicAlreadyExistsError as error:
                if exist_ok:
                    return False
                if time.monotonic() > deadline:
                    message = f"the topic {topic!r} exists at {bootstrap_servers}"
                    raise TopicError(message, next_command=f"kafka-topics --delete --topic {topic}") from error
                time.sleep(0.05)
            except KafkaError as error:
                if is_unreachable(error):
                    raise
                message = f"Kafka could not create the topic {topic!r}: {error}"
                raise TopicError(message, next_command="eventlab logs kafka") from error


def recreate_topic(bootstrap_servers: str, topic: str) -> None:
    """Delete a topic, if it exists, create an empty one, and wait until it can be used.

    If another client creates the new topic first, that topic is used: its id differs from the old one's.

    Raises:
        TopicError: There is no new topic after RECREATE_TIMEOUT_S seconds.
    """
    from kafka.errors import TopicAlreadyExistsError

    deadline = time.monotonic() + RECREATE_TIMEOUT_S
    with open_admin(bootstrap_servers) as admin:
        old_id = _topic_id(admin, topic)
        if old_id:
            admin.delete_topics([topic])
        while (new_id := _topic_id(admin, topic)) in (None, old_id):
            if time.monotonic() > deadline:
                raise TopicError(f"Kafka did not recreate the topic {topic!r}", "eventlab logs kafka")
            if new_id is None:
                with contextlib.suppress(TopicAlreadyExistsError):  # the deletion is not complete
                    admin.create_topics({topic: {"num_partitions": 1, "replication_factor": 1}})
            time.sleep(0.02)
        admin.wait_for_topics([topic])
    logger.info("recreated the topic %s, which now has the id %s", topic, new_id)


def delete_topics(bootstrap_servers: str, topics: Sequence[str]) -> None:
    """Delete those of the topics that exist."""
    with open_admin(bootstrap_servers) as admin:
        if existing := sorted(set(topics) & set(admin.list_topics())):
            admin.delete_topics(existing)
            logger.info("deleted the topics %s", ", ".join(existing))


def topic_offsets(bootstrap_servers: str, topic: str, timeout_s: float = TIMEOUT_S) -> Offsets | None:
    """Return the first and end offsets of a topic, or None when it does not exist."""
    with open_consumer(bootstrap_servers, timeout_s) as consumer:
        return offsets_of(consumer, topic)


def offsets_of(consumer: KafkaConsumer, topic: str) -> Offsets | None:
    """Return the offsets of a topic as `topic_offsets` does, with an open consumer."""
    from kafka import TopicPartition

    if topic not in consumer.topics():  # a request for one topic could create it
        return None
    partitions = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic) or ())]
    first, end = consumer.beginning_offsets(partitions), consumer.end_offsets(partitions)
    return Offsets({tp.partition: first[tp] for tp in partitions}, {tp.partition: end[tp] for tp in partitions})


def read_topic(
    bootstrap_servers: str,
    topic: str,
    *,
    start: Mapping[int, int] | None = None,
) -> Iterator[ConsumerRecord]:
    """Read a topic, if it exists, to its end at the time of the call, partition by partition.

    Args:
        bootstrap_servers: The brokers.
        topic: Its name.
        start: The offset at which to start in each partition; without one, the first.

    Raises:
        KafkaUnavailable: No new record arrived for READ_TIMEOUT_S seconds.
    """
    with open_consumer(bootstrap_servers) as consumer:
        offsets = offsets_of(consumer, topic)
        if offsets is not None:
            yield from read_range(consumer, topic, dict(offsets.first) | dict(start or {}), offsets.end)


def read_range(
    consumer: KafkaConsumer,
    topic: str,
    start: Mapping[int, int],
    end: Mapping[int, int],
) -> Iterator[ConsumerRecord]:
    """Read from the start offset of each partition up to, not including, its end offset.

    Use an open consumer and change its assignment. Raise KafkaUnavailable as `read_topic` does.
    """
    from kafka import TopicPartition

    for number in sorted(end):
        partition = TopicPartition(topic, number)
        consumer.assign([partition])
        consumer.seek(partition, start[number])
        position, deadline = start[number], time.monotonic() + READ_TIMEOUT_S
        while position < end[number]:
            for record in consumer.poll(timeout_ms=POLL_MS).get(partition, []):
                if record.offset < end[number]:
                    yield record
            reached = consumer.position(partition, timeout_ms=POLL_MS)
            if reached is not None and reached > position:
                position, deadline = reached, time.monotonic() + READ_TIMEOUT_S
            elif time.monotonic() > deadline:
                reason = f"no record of topic {topic!r} arrived for {READ_TIMEOUT_S:.0f} s"
                servers = consumer.config["bootstrap_servers"]
                raise KafkaUnavailable(servers, f"{reason}, at offset {position} of partition {number}")


def read_to_end(consumer: KafkaConsumer) -> Iterator[ConsumerRecord]:
    """Read the consumer's topics from its positions to the ends that they have when the read begins.

    Unlike `consumer_timeout_ms`, this does not depend on how fast the machine is.

    Args:
        consumer: A consumer with topics, for example `KafkaConsumer("events", auto_offset_reset="earliest")`.

    Raises:
        KafkaUnavailable: No new record arrived for READ_TIMEOUT_S seconds.
    """
    ends: dict[TopicPartition, int] = {}
    positions: dict[TopicPartition, int] = {}
    deadline = time.monotonic() + READ_TIMEOUT_S
    while not ends or any(positions[partition] < end for partition, end in ends.items()):
        batch = consumer.poll(timeout_ms=POLL_MS)
        ends = ends or consumer.end_offsets(consumer.assignment())
        for partition, records in batch.items():
            yield from (record for record in records if record.offset < ends[partition])
        before, positions = positions, {partition: consumer.position(partition) for partition in ends}
        if positions != before:
            deadline = time.monotonic() + READ_TIMEOUT_S
        elif time.monotonic() > deadline:
            reason = f"no record arrived for {READ_TIMEOUT_S:.0f} s"
            raise KafkaUnavailable(consumer.config["bootstrap_servers"], reason)


def json_object(value: bytes | str | None) -> dict[str, Any] | None:
    """Return the value of a message as a JSON object, or None if it is not one."""
    try:
        found = json.loads(value or b"")
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
