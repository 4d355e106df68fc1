"""Consumer mode (`-C`): print the messages of a topic until the count, the end or Ctrl-C."""

import select
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

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
    "socket.timeout.ms": 3000,  # a broker that does not answer is down after twice this time
    "max.poll.interval.ms": 86_400_000,  # `| less` stops reading for a long time
}


def run(options: Options) -> int:
    """Print the messages that the options select; return 0."""
    render = renderer(options.format, options.key_delimiter)
    errors: list[KafkaError] = []
    config = {"bootstrap.servers": options.brokers, "error_cb": errors.append}
    # `-o -99` prints all messages of a shorter topic. Other offsets outside the topic mean its end, as in kcat.
    config["auto.offset.reset"] = "earliest" if options.offset < OFFSET_TAIL_BASE else "latest"
    consumer = Consumer(PROPERTIES | config)
    failure = f"Failed to query metadata for topic {options.topic}"
    topic = metadata.request(consumer, options.brokers, options.topic, failure).topics[options.topic]
    partitions = select_partitions(topic, options.partition)
    consumer.assign([TopicPartition(options.topic, number, options.offset) for number in partitions])
    with suppress(KeyboardInterrupt):
        for message in _messages(consumer, options, partitions, errors):
            sys.stdout.buffer.write(render(message))
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


def _messages(
    consumer: Consumer, options: Options, partitions: set[int], errors: list[KafkaError]
) -> Iterator[Message]:
    """Yield messages until the count is reached, or with `-e` the end of all partitions; flush the output."""
    remaining = options.count
    pipe = select.poll()
    pipe.register(sys.stdout, 0)  # reports only a closed pipe (`| head -1`)
    while remaining and partitions:
        batch = consumer.consume(1, POLL_S)
        if batch:
            batch += consumer.consume(min(remaining, MAX_BATCH) - 1, 0)
        elif pipe.poll(0):
            raise BrokenPipeError
        for message in batch:
            error, partition = message.error(), message.partition()
            if error and error.code() != KafkaError._PARTITION_EOF:
                raise FatalError(f"Topic {options.topic} [{partition}] error: {error.str()}")
            if partition not in partitions:
                continue  # a message after the end
            if not error:
                remaining -= 1
                yield message
                continue
            sys.stdout.buffer.flush()
            if options.exit_at_end:
                partitions.remove(partition)
            if not options.quiet:
                end = f"{options.topic} [{partition}] at offset {message.offset()}"
                print_info(f"Reached end of topic {end}{'' if partitions else ': exiting'}")
        sys.stdout.buffer.flush()
        _check(errors, consumer, options)


def _check(errors: list[KafkaError], consumer: Consumer, options: Options) -> None:
    """Raise a FatalError for a deleted topic, and for brokers that are down and do not come back."""
    while errors:
        error = errors.pop()
        if error.code() in (KafkaError._UNKNOWN_PARTITION, KafkaError.UNKNOWN_TOPIC_OR_PART):
            raise FatalError(f"Topic {options.topic} error: {error.str()}")
        if error.code() == KafkaError._ALL_BROKERS_DOWN:
            metadata.request(consumer, options.brokers)
