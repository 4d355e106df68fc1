"""Consumer mode (`-C`): print the messages of a topic until the count, the end or Ctrl-C."""

from __future__ import annotations

import re
import select
import sys
from itertools import chain

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from eventlab.commands.kafkacat import client
from eventlab.commands.kafkacat.client import TIMEOUT_MS, FatalError
from eventlab.commands.kafkacat.format import Renderer, renderer
from eventlab.commands.kafkacat.options import Options

POLL_MS = 200
MAX_RECORDS = 10_000
LIBRDKAFKA_DEFAULTS = {"check_crcs": False, "isolation_level": "read_committed"}


def run(options: Options) -> int:
    """Print the messages that the options select; return 0."""
    topic, render = options.topic, renderer(options.format, options.key_delimiter)
    failure = f"Failed to query metadata for topic {topic}: {client.TRANSPORT_FAILURE}"
    consumer = client.connect(KafkaConsumer, options.brokers, failure, **LIBRDKAFKA_DEFAULTS)
    # kafka-python 3.0 accepts allow_auto_create_topics but does not use it: reading would create the topic.
    consumer._cluster.config["allow_auto_create_topics"] = False
    try:
        partitions = select_partitions(topic, consumer.partitions_for_topic(topic), options.partition)
        consumer.assign(partitions)
        firsts = consumer.beginning_offsets(partitions, TIMEOUT_MS)
        ends = consumer.end_offsets(partitions, TIMEOUT_MS)
        for partition in partitions:
            consumer.seek(partition, start_offset(options.offset, firsts[partition], ends[partition]))
        _print_messages(consumer, options, render)
    finally:
        consumer.close(timeout_ms=2000)
    return 0


def select_partitions(topic: str, available: set[int], partition: int | None) -> list[TopicPartition]:
    """Return the partitions to read: all that are available, or the one of `-p`.

    Raises:
        FatalError: The topic or the partition does not exist.
    """
    if not available:
        valid = re.fullmatch(r"[a-zA-Z0-9._-]{1,249}", topic)
        raise FatalError(f"Topic {topic} error: {client.UNKNOWN_TOPIC if valid else client.INVALID_TOPIC}")
    if partition not in {None, *available}:
        raise FatalError(
            f"Topic {topic} (with partitions 0..{max(available)}): partition {partition} does not exist"
        )
    return [TopicPartition(topic, number) for number in sorted(available) if partition in (None, number)]


def start_offset(offset: int, first: int, end: int) -> int:
    """Return where to start in a partition that holds the offsets `first` to `end - 1`.

    A negative offset counts back from the end. An offset outside the partition means its end, as in kcat.
    """
    if offset < 0:
        return max(first, end + offset)
    return offset if first <= offset <= end else end


def _print_messages(consumer: KafkaConsumer, options: Options, render: Renderer) -> None:
    """Print messages until the count, the end or a signal."""
    remaining = options.count
    reported_ends: dict[TopicPartition, int] = {}
    pipe = select.poll()
    pipe.register(sys.stdout, 0)  # reports only a closed pipe (`| head -1`)
    stop = client.stop_on_signals()  # before this, Ctrl-C ends the run at once
    while not stop.is_set() and remaining and consumer.paused() != consumer.assignment():
        batches = consumer.poll(POLL_MS, max_records=min(remaining, MAX_RECORDS))
        records = list(chain.from_iterable(batches.values()))
        sys.stdout.buffer.write(b"".join(map(render, records)))
        sys.stdout.buffer.flush()
        remaining -= len(records)
        if not records and pipe.poll(0):
            raise BrokenPipeError
        if remaining:
            _report_ends(consumer, options, reported_ends)


def _report_ends(consumer: KafkaConsumer, options: Options, reported: dict[TopicPartition, int]) -> None:
    """Report each partition whose end the position has reached, once per position; pause it for `-e`.

    Positions decide, not messages: compaction and transactions leave offsets without a message.
    """
    try:
        ends = consumer.end_offsets(consumer.assignment(), TIMEOUT_MS)
    except KafkaError as error:  # do not continue: poll() would wait for the brokers without a limit
        if consumer.partitions_for_topic(options.topic):
            raise client.no_answer(client.ALL_BROKERS_DOWN, options.brokers) from error
        raise FatalError(f"Topic {options.topic} error: the topic was deleted ({client.UNKNOWN_TOPIC})") from error
    for partition in sorted(consumer.assignment() - consumer.paused()):
        position = consumer.position(partition, TIMEOUT_MS)
        if position is None or position < ends[partition] or position == reported.get(partition):
            continue
        reported[partition] = position
        if options.exit_at_end:
            consumer.pause(partition)
        if not options.quiet:
            exiting = ": exiting" if consumer.paused() == consumer.assignment() else ""
            end = f"{partition.topic} [{partition.partition}] at offset {position}"
            client.print_info(f"Reached end of topic {end}{exiting}")
