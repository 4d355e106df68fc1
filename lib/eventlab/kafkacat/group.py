"""`-G group`: as a member of a consumer group, with stored offsets and partitions shared out."""

from __future__ import annotations

import re
from collections.abc import Collection

from kafka import ConsumerRebalanceListener, TopicPartition

from eventlab.kafkacat.client import Reader, Stop, connect
from eventlab.kafkacat.consume import start_offsets
from eventlab.kafkacat.follow import Follower
from eventlab.kafkacat.options import Options
from eventlab.kafkacat.properties import Properties
from eventlab.kafkacat.report import INVALID_ARGUMENT, UNKNOWN_TOPIC, Fatal, info


def run(options: Options, properties: Properties) -> int:
    """Print the messages of the topics' partitions that the group gives us; what was printed is committed."""
    topics = options.arguments
    if not topics:
        raise Fatal(f"Failed to subscribe to 0 topics: {INVALID_ARGUMENT}")
    properties = {**properties, "group_id": options.group}
    with Stop() as stop, connect(options, properties, stop, "Failed to join the group") as reader:
        _check(reader, topics)
        member = Member(reader, options, properties, stop)
        pattern = _pattern(topics)
        reader.consumer.subscribe(() if pattern else topics, pattern=pattern, listener=member)
        reader.consumer.topics()  # waits for metadata: without it the group rebalances twice
        if not options.quiet:
            info("Waiting for group rebalance")
        member.run()
    return 0


class Member(Follower, ConsumerRebalanceListener):
    """Follows the partitions that the group gives it, and says which come and go.

    kafka-python calls the listener in its I/O thread, where nothing may be asked of a broker: what has come
    is paused there and put to the offset of `-o` before the next poll.
    """

    def __init__(self, reader: Reader, options: Options, properties: Properties, stop: Stop) -> None:
        super().__init__(reader, options, stop)
        self.properties = properties
        self.arrived: list[TopicPartition] = []

    def before_poll(self) -> None:
        arrived, self.arrived = self.arrived, []
        if arrived:
            starts = start_offsets(self.reader, arrived, self.options, self.properties)
            for partition, offset in starts.items():
                self.reader.consumer.seek(partition, offset)
            self.reader.consumer.resume(*arrived)
        super().before_poll()

    def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        self._tell("assigned", assigned)
        self.announced.clear()
        self.finished.clear()
        if self.options.start and self.options.start.kind != "stored":
            self.arrived = list(assigned)
            self.reader.consumer.pause(*assigned)

    def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        if revoked:
            self._tell("revoked", revoked)

    def _tell(self, what: str, partitions: Collection[TopicPartition]) -> None:
        if not self.options.quiet:
            names = ", ".join(f"{topic} [{number}]" for topic, number in sorted(partitions))
            member = self.reader.consumer.group_metadata().member_id
            info(f"Group {self.options.group} rebalanced (memberid {member}): {what}: {names}")


def _pattern(topics: Collection[str]) -> str | None:
    """One pattern for all topics where one of them is a pattern, which begins with ^ as in librdkafka."""
    if not any(name.startswith("^") for name in topics):
        return None
    return "|".join(name if name.startswith("^") else f"^{re.escape(name)}$" for name in topics)


def _check(reader: Reader, topics: Collection[str]) -> None:
    for topic in topics:
        if not topic.startswith("^") and not reader.partitions(topic):
            raise Fatal(f"Topic {topic} [0] error: Subscribed topic not available: {topic}: {UNKNOWN_TOPIC}")
