"""`-C`: from a topic's partitions to stdout, until the count, the end, a time or Ctrl-C."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from kafka import TopicPartition

from eventlab.kafkacat.client import Reader, Stop, connect
from eventlab.kafkacat.follow import Follower
from eventlab.kafkacat.options import Options, Start
from eventlab.kafkacat.properties import Properties
from eventlab.kafkacat.report import INVALID_ARGUMENT, INVALID_TOPIC, UNKNOWN_TOPIC, Fatal, info


class Span(NamedTuple):
    """What a partition holds: offsets from `first` up to, not including, `end`."""

    first: int
    end: int


def run(options: Options, properties: Properties) -> int:
    """Print the topic's messages as `options` say; 0 unless the run breaks (Fatal)."""
    topic = options.topic or ""
    properties = {**properties, "enable_auto_commit": False}
    failed = f"Failed to query metadata for topic {topic}"
    with Stop() as stop, connect(options, properties, stop, failed) as reader:
        partitions = select(topic, reader.partitions(topic), options.partition)
        reader.consumer.assign(partitions)
        for partition, offset in start_offsets(reader, partitions, options, properties).items():
            reader.consumer.seek(partition, offset)
        Follower(reader, options, stop).run()
    return 0


def select(topic: str, there: list[TopicPartition], wanted: int | None) -> list[TopicPartition]:
    """The partitions to read of those that are there. Raises Fatal where nothing is left."""
    if not there:
        valid = re.fullmatch(r"[a-zA-Z0-9._-]{1,249}", topic)
        raise Fatal(f"Topic {topic} error: {UNKNOWN_TOPIC if valid else INVALID_TOPIC}")
    if wanted is None:
        return there
    if TopicPartition(topic, wanted) not in there:
        last = len(there) - 1
        raise Fatal(f"Topic {topic} (with partitions 0..{last}): partition {wanted} does not exist")
    return [TopicPartition(topic, wanted)]


def start_offsets(
    reader: Reader, partitions: list[TopicPartition], options: Options, properties: Properties
) -> dict[TopicPartition, int]:
    """Ask the brokers what `-o` means for each partition at this moment."""
    start = options.start or Start("beginning")
    if start.kind == "stored" and not properties.get("group_id"):
        first = partitions[0]
        raise Fatal(f"Failed to start consuming topic {first.topic} [{first.partition}]: {INVALID_ARGUMENT}")
    spans = _spans(reader, partitions)
    known = _known(reader, partitions, start)
    policy = properties.get("auto_offset_reset", "latest")
    starts = {}
    for partition in partitions:
        wanted = place(start, spans[partition], known.get(partition))
        starts[partition] = within(wanted, spans[partition], policy, partition)
        if wanted not in (None, starts[partition]) and not options.quiet:
            where = f"{partition.topic} [{partition.partition}]"
            info(f"{where} has no offset {wanted}: starting at {starts[partition]}")
    return starts


def place(start: Start, span: Span, known: int | None) -> int | None:
    """The offset that `-o` asks for in a partition, there or not; None where the group has stored none.

    `known` is what the broker answered for a time or a stored offset.
    """
    if start.kind == "beginning":
        return span.first
    if start.kind == "tail":
        return max(span.first, span.end - start.value)
    if start.kind == "offset":
        return start.value
    if start.kind == "stored":
        return known
    return span.end if known is None else known


def within(offset: int | None, span: Span, policy: str, partition: TopicPartition) -> int:
    """`offset`, or what `auto.offset.reset` puts in the place of one that is not there (kcat: the end)."""
    if offset is not None and span.first <= offset <= span.end:
        return offset
    if policy == "none":
        raise Fatal(f"Topic {partition.topic} [{partition.partition}] error: Broker: Offset out of range")
    return span.first if policy == "earliest" else span.end


def _spans(reader: Reader, partitions: list[TopicPartition]) -> dict[TopicPartition, Span]:
    first = reader.consumer.beginning_offsets(partitions, reader.timeout_ms)
    end = reader.consumer.end_offsets(partitions, reader.timeout_ms)
    return {partition: Span(first[partition], end[partition]) for partition in partitions}


def _known(reader: Reader, partitions: list[TopicPartition], start: Start) -> Mapping[TopicPartition, int | None]:
    if start.kind == "stored":
        return {partition: reader.consumer.committed(partition) for partition in partitions}
    if start.kind == "time":
        asked = dict.fromkeys(partitions, start.value)
        found = reader.consumer.offsets_for_times(asked, reader.timeout_ms)
        return {partition: answer.offset for partition, answer in found.items() if answer}
    return {}
