"""`-G group`: as a member of a consumer group, with stored offsets and partitions shared out among the members."""

from __future__ import annotations

import re
from collections.abc import Collection

from kafka import ConsumerRebalanceListener, TopicPartition

from eventlab.kafkacat.client import Reader, Stop
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
    with (
        Stop() as stop,
        Reader(options, properties, "Failed to join the group") as reader,
    ):
        follower = Follower(reader, options, stop)
        listener = Rebalances(reader, options, properties, follower)
        if any(name.startswith("^") for name in topics):
            patterns = (name if name.startswith("^") else f"^{re.escape(name)}$" for name in topics)
            reader.consumer.subscribe(pattern="|".join(patterns), listener=listener)
        else:
            _check(reader, topics)
            reader.consumer.subscribe(topics, listener=listener)
        if not options.quiet:
            info("Waiting for group rebalance")
        follower.run()
    return 0


def _check(reader: Reader, topics: Collection[str]) -> None:
    for topic in topics:
        if not reader.partitions(topic):
            raise Fatal(f"Topic {topic} [0] error: Subscribed topic not available: {topic}: {UNKNOWN_TOPIC}")


class Rebalances(ConsumerRebalanceListener):
    """Says which partitions come and go, and applies `-o` to those that come."""

    def __init__(
        self,
        reader: Reader,
        options: Options,
        properties: Properties,
        follower: Follower,
    ) -> None:
        self.reader, self.options, self.properties, self.follower = (
            reader,
            options,
            properties,
            follower,
        )

    def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        self._say("assigned", assigned)
        self.follower.announced.clear()
        self.follower.finished.clear()
        if self.options.start and self.options.start.kind != "stored" and assigned:
            starts = start_offsets(self.reader, list(assigned), self.options, self.properties)
            for partition, offset in starts.items():
                self.reader.consumer.seek(partition, offset)

    def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        if revoked:
            self._say("revoked", revoked)

    def _say(self, what: str, partitions: Collection[TopicPartition]) -> None:
        if not self.options.quiet:
            names = ", ".join(f"{topic} [{number}]" for topic, number in sorted(partitions))
            member = self.reader.consumer.group_metadata().member_id
            info(f"Group {self.options.group} rebalanced (memberid {member}): {what}: {names}")
