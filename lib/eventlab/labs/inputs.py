"""Create a lab's input, and delete a student's results."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from eventlab.clients import kafka
from eventlab.errors import EventlabError, ServiceUnavailable
from eventlab.labs.names import Namespace
from eventlab.settings import settings
from eventlab.stack import filesystem

KAFKA_TIMEOUT_S = 30
REFUSAL_S = 10


class InputError(EventlabError):
    """Kafka did not do what a lab needs."""


@dataclass(frozen=True)
class Outgoing:
    """A message to send; without a timestamp Kafka sets it."""

    value: bytes | None
    timestamp_ms: int | None = None
    key: bytes | None = None


def send(topic: str, messages: Iterable[Outgoing], *, partitions: int = 1) -> None:
    """Create the topic, send the messages in order, and wait until each is acknowledged."""
    create_topic(topic, partitions)
    append([topic], messages)


def append(topics: Collection[str], messages: Iterable[Outgoing]) -> None:
    """Send the messages to each of the topics in order, and wait until each is acknowledged."""
    with kafka.open_producer(settings.bootstrap_servers, linger_ms=50) as producer:
        sent = [
            producer.send(topic, message.value, message.key, timestamp_ms=message.timestamp_ms)
            for message in messages
            for topic in topics
        ]
        producer.flush()
        for future in sent:
            future.get(timeout=KAFKA_TIMEOUT_S)


def create_topic(topic: str, partitions: int = 1) -> None:
    """Create a topic; wait while Kafka deletes an old one of that name."""
    kafka.create_topic(settings.bootstrap_servers, topic, partitions, timeout_s=KAFKA_TIMEOUT_S)


def recreate_topic(topic: str) -> None:
    """Delete the topic and create it empty."""
    kafka.recreate_topic(settings.bootstrap_servers, topic)


def count_messages(topic: str) -> int:
    """Return how many messages a topic has had.

    Raises:
        InputError: There is no such topic.
    """
    offsets = kafka.topic_offsets(settings.bootstrap_servers, topic)
    if offsets is None:
        raise InputError(f"there is no topic {topic}: run lab.restart()")
    return sum(offsets.end.values())


def has_topic(topic: str) -> bool:
    """Return whether the topic exists."""
    return topic in kafka.list_topics(settings.bootstrap_servers)


def delete_group(group: str) -> None:
    """Delete a consumer group with its committed offsets, if it exists.

    Raises:
        InputError: The group has a member.
    """
    with kafka.open_admin(settings.bootstrap_servers) as admin:
        if group not in [listed["group_id"] for listed in admin.list_groups()]:
            return
        result = admin.delete_groups([group])[group]
    if result == "NonEmptyGroupError":
        raise InputError(
            f"the group {group!r} has a member: a consumer of an earlier run is open. "
            "Close it with its method close(), or restart the kernel"
        )
    if result != "OK":
        raise InputError(f"the group {group!r} could not be deleted: {result}")


@contextmanager
def refuse_messages(topic: str) -> Iterator[None]:
    """Let Kafka refuse each message to a topic for the duration of the block, as too large.

    Kafka reports the refusal in its acknowledgement. A producer that does not wait for that does not notice it.

    Raises:
        ServiceUnavailable: The topic does not follow the change within REFUSAL_S seconds.
    """
    try:
        _set_max_message_bytes(topic, "1", accepts=False)
        yield
    finally:
        _set_max_message_bytes(topic, "1048588", accepts=True)


def _set_max_message_bytes(topic: str, size: str, *, accepts: bool) -> None:
    """Set the size in bytes, and wait until the broker follows it."""
    from kafka.admin import ConfigResource, ConfigResourceType

    with kafka.open_admin(settings.bootstrap_servers) as admin:
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, {"max.message.bytes": size})])
    deadline = time.monotonic() + REFUSAL_S
    while _accepts_messages(topic) != accepts:
        if time.monotonic() > deadline:
            raise ServiceUnavailable(f"the topic {topic!r} does not follow its setting max.message.bytes={size}")
        time.sleep(0.05)


def _accepts_messages(topic: str) -> bool:
    from kafka.errors import MessageSizeTooLargeError

    with kafka.open_producer(settings.bootstrap_servers) as producer, suppress(MessageSizeTooLargeError):
        producer.send(topic, b"{}").get(timeout=KAFKA_TIMEOUT_S)
        return True
    return False


def clear(namespace: Namespace) -> None:
    """Delete the namespace's topics, folder and consumer groups."""
    with kafka.open_admin(settings.bootstrap_servers) as admin:
        topics = [name for name in admin.list_topics() if name.startswith(f"{namespace.prefix}-")]
        if topics:
            admin.delete_topics(topics)
        groups = [group["group_id"] for group in admin.list_groups()]
        groups = [name for name in groups if name.startswith(f"{namespace.prefix}-")]
        if groups:
            admin.delete_groups(groups)
    filesystem.delete(namespace.folder)
