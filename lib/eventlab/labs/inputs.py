"""Putting a lab's input in place, and taking away what a student left: the trusted side's hands."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from eventlab.clients import hdfs
from eventlab.labs.names import Namespace
from eventlab.settings import settings
from eventlab.stack.probes import quiet_kafka

PATIENCE_S = 30


@dataclass(frozen=True)
class Outgoing:
    """A message to send; without a timestamp it has Kafka's clock."""

    value: bytes | None
    timestamp_ms: int | None = None
    key: bytes | None = None


def send(topic: str, messages: Iterable[Outgoing], *, partitions: int = 1) -> None:
    """Create the topic and send the messages, in order, each acknowledged."""
    with quiet_kafka() as kafka:
        create_topic(topic, partitions)
        with closing(
            kafka.KafkaProducer(bootstrap_servers=settings.bootstrap_servers, acks="all", linger_ms=50)
        ) as producer:
            sent = [
                producer.send(topic, message.value, message.key, timestamp_ms=message.timestamp_ms)
                for message in messages
            ]
            producer.flush()
            for future in sent:
                future.get(timeout=PATIENCE_S)


def create_topic(topic: str, partitions: int = 1) -> None:
    """A new topic; one of that name that is being deleted is waited for."""
    with quiet_kafka() as kafka, closing(_admin(kafka)) as admin:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                admin.create_topics({topic: {"num_partitions": partitions, "replication_factor": 1}})
                return
            except kafka.errors.TopicAlreadyExistsError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)


def recreate_topic(topic: str) -> None:
    """An empty topic of that name; what was in it is gone."""
    with quiet_kafka() as kafka, closing(_admin(kafka)) as admin:
        if topic in admin.list_topics():
            admin.delete_topics([topic])
    create_topic(topic)


def has_topic(topic: str) -> bool:
    with quiet_kafka() as kafka, closing(_admin(kafka)) as admin:
        return topic in admin.list_topics()


def clear(namespace: Namespace) -> None:
    """Delete the namespace's topics, folder and consumer groups."""
    with quiet_kafka() as kafka, closing(_admin(kafka)) as admin:
        topics = [name for name in admin.list_topics() if name.startswith(f"{namespace.prefix}-")]
        if topics:
            admin.delete_topics(topics)
        groups = [group["group_id"] for group in admin.list_groups()]
        own = [name for name in groups if name.startswith(f"{namespace.prefix}-")]
        if own:
            admin.delete_groups(own)
    hdfs.delete(namespace.folder)


def _admin(kafka: Any) -> Any:
    return kafka.KafkaAdminClient(bootstrap_servers=settings.bootstrap_servers)
