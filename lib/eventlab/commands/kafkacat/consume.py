"""Consumer mode (`-C`): print the messages of a topic until the count, the end or Ctrl-C."""

from __future__ import annotations

import select
import sys
from contextlib import suppress
from typing import Any

from confluent_kafka import Consumer, KafkaError, TopicPartition

from eventlab.commands.kafkacat import metadata
from eventlab.commands.kafkacat.format import renderer
from eventlab.commands.kafkacat.options import OFFSET_TAIL_BASE, FatalError, Options, print_info

POLL_S = 0.2
MAX_BATCH = 10_000
PROPERTIES = metadata.PROPERTIES | {
    "group.id": "kafkacat",  # required, but not used: no subscription, no commits
    "enable.auto.commit": False,
    "enable.partition.eof": True,
    "fetch.wait.max.ms": 100,  # the delay before an end is reported
    "max.poll.interval.ms": 86_400_000,  # `| less` stops reading for a long time
}


def run(options: Options) -> int:
    """Print the messages that the options select; return 0."""
    errors: set[int] = set()
    config = {"bootstrap.servers": options.brokers, "error_cb": lambda error: errors.add(error.code())}
    # The last messages of a topic that has fewer are all that it has; other offsets outside a topic are its end.
    config["auto.offset.reset"] = "earliest" if options.offset < OFFSET_TAIL_BASE else "latest"
    consumer = Consumer(PROPERTIES | config)
    failure = f"Failed to query metadata for topic {options.topic}"
    topic = metadata.request(consumer, options.brokers, options.topic, failure).topics[options.topic]
    partitions = select_partitions(topic, options.partition)
    consumer.assign([TopicPartition(options.topic, number, options.offset) for number in partitions])
    with suppress(KeyboardInterrupt):
        _print_messages(consumer, options, partitions, errors)
    return 0


def select_partitions(topic: Any, partition: int) -> set[int]:
    """Return the partitions to read: all in the topic's metadata, or the one of `-p`.

    Raises:
        FatalError: The topic or the partition does not exist.
    """
    if topic.error:
        raise FatalError(f"Topic {topic.topic} error: {topic.error.str()}")
    if partition not in {-1, *topic.partitions}:
        available = f"with partitions 0..{len(topic.partitions) - 1}"
        raise FatalError(f"Topic {topic.topic} ({available}): partition {partition} does not exist")
    return set(topic.partitions) if partition == -1 else {partition}


def _print_messages(consumer: Consumer, options: Options, partitions: set[int], errors: set[int]) -> None:
    """Print messages until the count is reached, or with `-e` the end of all partitions."""
    render, output, remaining = renderer(options.format, options.key_delimiter), sys.stdout.buffer, options.count
    pipe = select.poll()
    pipe.register(sys.stdout, 0)  # reports only a closed pipe (`| head -1`)
    while remaining and partitions:
        messages = consumer.consume(1, POLL_S)
        if messages:
            messages += consumer.consume(min(remaining, MAX_BATCH) - 1, 0)
        elif pipe.poll(0):
            raise BrokenPipeError
        for message in messages:
            error = message.error()
            if error and error.code() != KafkaError._PARTITION_EOF:
                raise FatalError(f"Topic {message.topic()} [{message.partition()}] error: {error.str()}")
            if message.partition() not in partitions:
                continue  # a message after the end
            if not error:
                output.write(render(message))
                remaining -= 1
                continue
            output.flush()
            partitions -= {message.partition()} if options.exit_at_end else set()
            if not options.quiet:
                end = f"{message.topic()} [{message.partition()}] at offset {message.offset()}"
                print_info(f"Reached end of topic {end}{'' if partitions else ': exiting'}")
        output.flush()
        if KafkaError._ALL_BROKERS_DOWN in errors:
            metadata.request(consumer, options.brokers)  # raises an error if they are still down
            errors.clear()
