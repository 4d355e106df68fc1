"""The messages that a streaming job could not read, in the topic TOPIC-dead, and how they are sent again."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from eventlab import files
from eventlab.clients import kafka
from eventlab.errors import EventlabError
from eventlab.settings import settings

DELIVERY_S = 20
PLACE = ("topic", "partition", "offset")
"""The headers of a dead letter that say where the message was."""

Repair = Callable[[bytes], bytes]
"""Returns the value to send for that of a dead letter; an empty value is left out."""


class ReplayError(EventlabError):
    """The dead letters cannot be sent again; those that were sent before stay sent."""


@dataclass(frozen=True)
class Replayed:
    """A dead letter that a replay has looked at.

    Attributes:
        sent_as: The offset of the message that was sent for it, or None.
        is_repeated: Whether it was not sent because an earlier letter is about the same message.
    """

    partition: int
    offset: int
    reason: str
    sent_as: int | None
    is_repeated: bool


def dead_letter_topic(topic: str) -> str:
    """Return the name of the topic for the messages that cannot be read."""
    return f"{topic}-dead"


def replay(bootstrap_servers: str, topic: str, repair: Repair = bytes) -> Iterator[Replayed]:
    """Send the dead letters of a topic to the topic, except those that an earlier replay has looked at.

    Two jobs that read a topic send a letter each for the same message, which is sent once. The consumer group
    TOPIC-dead-replay contains the place where the next replay begins. It is committed after Kafka has acknowledged
    the message: a replay that is interrupted may repeat one, and loses none.

    Raises:
        ReplayError: There is no topic with dead letters, another replay of it runs on this machine, or the repair
            failed.
    """
    from kafka import OffsetAndMetadata, TopicPartition

    letters = dead_letter_topic(topic)
    group = f"{letters}-replay"
    seen: set[bytes] = set()
    with (
        files.try_lock(settings.state_dir / "run" / f"{group}.lock") as is_only_one,
        kafka.open_consumer(bootstrap_servers, group_id=group) as consumer,
        kafka.open_producer(bootstrap_servers) as producer,
    ):
        if not is_only_one:
            raise ReplayError(f"another replay of {topic!r} is running; it sends the same messages")
        committed = kafka.committed_offsets(bootstrap_servers, group, letters)
        offsets = kafka.offsets_of(consumer, letters)
        if offsets is None:
            raise ReplayError(
                f"there is no topic {letters!r}, so there are no dead letters", "eventlab kafkacat -L"
            )
        for letter in kafka.read_range(consumer, letters, offsets.first, offsets.end):
            headers = dict(letter.headers)
            message = _fingerprint(*(headers.get(name) for name in PLACE), letter.value)
            is_repeated = "offset" in headers and message in seen
            seen.add(message)
            if letter.offset < committed.get(letter.partition, 0):
                continue
            value = None if letter.value is None or is_repeated else repair(letter.value)
            sent_as = None
            if value != b"" and not is_repeated:
                sent_as = producer.send(topic, value, key=letter.key).get(timeout=DELIVERY_S).offset
            place = TopicPartition(letters, letter.partition)
            consumer.commit({place: OffsetAndMetadata(letter.offset + 1, "", -1)})
            reason = headers.get("reason", b"").decode(errors="replace")
            yield Replayed(letter.partition, letter.offset, reason, sent_as, is_repeated)


def _fingerprint(*parts: bytes | None) -> bytes:
    """Return a few bytes for a message: the values of all dead letters may need more memory than there is."""
    return hashlib.blake2b(repr(parts).encode(), digest_size=16).digest()


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
