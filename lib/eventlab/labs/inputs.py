"""Creating a lab's input and deleting what a student left."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from eventlab.clients import kafka
from eventlab.labs.names import Namespace
from eventlab.settings import settings
from eventlab.stack import filesystem

PATIENCE_S = 30


@dataclass(frozen=True)
class Outgoing:
    """A message to send; without a timestamp Kafka sets it."""

    value: bytes | None
    timestamp_ms: int | None = None
    key: bytes | None = None


def send(topic: str, messages: Iterable[Outgoing], *, partitions: int = 1) -> None:
    """Create the topic, send the messages in order, and wait until each is acknowledged."""
    create_topic(topic, partitions)
    with kafka.open_producer(settings.bootstrap_servers, linger_ms=50) as producer:
        sent = [
            producer.send(topic, message.value, message.key, timestamp_ms=message.timestamp_ms)
            for message in messages
        ]
        producer.flush()
        for future in sent:
            future.get(timeout=PATIENCE_S)


def create_topic(topic: str, partitions: int = 1) -> None:
    """Create a topic; wait while one of that name is being deleted."""
    kafka.create_topic(settings.bootstrap_servers, topic, partitions, timeout_s=PATIENCE_S)


def recreate_topic(topic: str) -> None:
    """Delete the topic and create it empty."""
    kafka.recreate_topic(settings.bootstrap_servers, topic)


def has_topic(topic: str) -> bool:
    """Return whether the topic exists."""
    return topic in kafka.list_topics(settings.bootstrap_servers)


def clear(namespace: Namespace) -> None:
    """Delete the namespace's topics, folder and consumer groups."""
    with kafka.open_admin(settings.bootstrap_servers) as admin:
        topics = [name for name in admin.list_topics() if name.startswith(f"{namespace.prefix}-")]
        if topics:
            admin.delete_topics(topics)
        groups = [group["group_id"] for group in admin.list_groups()]
        own = [name for name in groups if name.startswith(f"{namespace.prefix}-")]
        if own:
            admin.delete_groups(own)
    filesystem.delete(namespace.folder)
