"""Topics with known messages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from kafka import KafkaProducer

from eventlab.settings import Settings
from tests.commands.kafkacat.helpers import cat, new_topic


@pytest.fixture(scope="module")
def numbers(stack: Settings) -> Iterator[str]:
    """Create a topic of one partition with the messages 0 to 9."""
    with new_topic(partitions=1) as name:
        cat("-P", "-t", name, stdin=b"".join(b"%d\n" % number for number in range(10)))
        yield name


@pytest.fixture(scope="module")
def mixed(stack: Settings) -> Iterator[str]:
    """Create a topic of three partitions with keys, headers, binary data, an empty message and a tombstone."""
    with new_topic(partitions=3) as name:
        with KafkaProducer(bootstrap_servers=stack.bootstrap_servers) as producer:
            for number in range(10):
                producer.send(name, b"value %d" % number, key=b"key %d" % (number % 4), partition=number % 2)
            producer.send(name, b'\x00\x01\xff\xfe\n"\\', partition=0, headers=[("a", b"1"), ("b", b"")])
            producer.send(name, b"no key", partition=1)
            producer.send(name, None, key=b"deleted", partition=1)
            producer.send(name, b"", key=b"", partition=0)
        yield name
