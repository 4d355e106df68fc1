"""The messages that a streaming job could not read, in the topic TOPIC-dead, and how they are sent again."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from eventlab.clients import kafka
from eventlab.errors import EventlabError

DELIVERY_S = 20

Repair = Callable[[bytes], bytes]
"""Returns the value to send for that of a dead letter; an empty value is left out."""


class ReplayError(EventlabError):
    """The dead letters cannot be sent again; those that were sent before stay sent."""


@dataclass(frozen=True)
class Replayed:
    """A dead letter that was looked at, and the offset of the message that was sent for it, or None."""

    partition: int
    offset: int
    reason: str
    sent_as: int | None


def dead_letter_topic(topic: str) -> str:
    """Return the name of the topic for the messages that cannot be read."""
    return f"{topic}-dead"


def replay(bootstrap_servers: str, topic: str, repair: Repair = bytes) -> Iterator[Replayed]:
    """Send the dead letters of a topic to the topic, except those that an earlier replay has looked at.

    The consumer group TOPIC-dead-replay contains the place where the next replay begins. It is committed after
    Kafka has acknowledged the message: a replay that is interrupted may repeat one, and loses none.

    Raises:
        ReplayError: There is no topic with dead letters, or the repair failed.
    """
    from kafka import OffsetAndMetadata, TopicPartition

    letters = dead_letter_topic(topic)
    group = f"{letters}-replay"
    committed = kafka.committed_offsets(bootstrap_servers, group, letters)
    with (
        kafka.open_consumer(bootstrap_servers, group_id=group) as consumer,
        kafka.open_producer(bootstrap_servers) as producer,
    ):
        offsets = kafka.offsets_of(consumer, letters)
        if offsets is None:
            raise ReplayError(
                f"there is no topic {letters!r}, so there are no dead letters", "eventlab kafkacat -L"
            )
        start = {number: max(first, committed.get(number, 0)) for number, first in offsets.first.items()}
        for letter in kafka.read_range(consumer, letters, start, offsets.end):
            value = None if letter.value is None else repair(letter.value)
            sent_as = None
            if value != b"":
                sent_as = producer.send(topic, value, key=letter.key).get(timeout=DELIVERY_S).offset
            place = TopicPartition(letters, letter.partition)
            consumer.commit({place: OffsetAndMetadata(letter.offset + 1, "", -1)})
            reason = dict(letter.headers).get("reason", b"").decode(errors="replace")
            yield Replayed(letter.partition, letter.offset, reason, sent_as)


def through(command: str) -> Repair:
    """Return a repair that gives a value to a shell command and takes what the command prints."""

    def repair(value: bytes) -> bytes:
        done = subprocess.run(command, shell=True, input=value, capture_output=True)
        if done.returncode:
            errors = done.stderr.decode(errors="replace").strip()
            raise ReplayError(
                f"the command {command!r} failed with exit code {done.returncode} for the value "
                f"{value.decode(errors='replace')[:200]!r}: {errors}"
            )
        return done.stdout if value.endswith(b"\n") else done.stdout.removesuffix(b"\n")

    return repair
