"""The end offset and the values of a topic with one partition, for lessons and for the checks of exercises."""

from eventlab.clients import kafka
from eventlab.errors import near_names
from eventlab.settings import settings


def end_offset(topic: str) -> int:
    """Return the offset that the next message of a topic gets.

    Raises:
        TopicError: There is no such topic, or it has several partitions.
    """
    offsets = kafka.topic_offsets(settings.bootstrap_servers, topic)
    if offsets is None:
        names = kafka.list_topics(settings.bootstrap_servers)
        raise kafka.TopicError(f"there is no topic {topic!r}; {near_names(topic, names)}", "kafka-topics --list")
    if len(offsets.end) > 1:
        ends = ", ".join(str(offsets.end[number]) for number in sorted(offsets.end))
        raise kafka.TopicError(
            f"the topic {topic!r} has {len(offsets.end)} partitions, and each has an end offset of its own: {ends}"
        )
    return offsets.end[0]


def end_offset_or_zero(topic: str) -> int:
    """Return the offset that the next message of a topic gets; 0 when there is no topic."""
    offsets = kafka.topic_offsets(settings.bootstrap_servers, topic)
    return offsets.end[0] if offsets else 0


def read_values(topic: str, start: int = 0) -> list[bytes]:
    """Return the values of a topic's messages, all or from an offset of its only partition on."""
    records = kafka.read_topic(settings.bootstrap_servers, topic, start={0: start} if start else None)
    return [record.value or b"" for record in records]
