"""The cluster's metadata: a request with a time limit, and list mode (`-L`), which prints the answer."""

from queue import SimpleQueue
from threading import Thread
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer

from eventlab.commands.kafkacat.options import FatalError, Options

TIMEOUT_S = 5  # the default of kcat's -m
PROPERTIES = {
    "client.id": "kafkacat",
    "log_level": 0,
    "topic.metadata.propagation.max.ms": 5000,  # after this time a topic without metadata does not exist
}
ALL_BROKERS_DOWN = KafkaError(KafkaError._ALL_BROKERS_DOWN).str()


def run(options: Options) -> int:
    """Print the brokers and all topics, or the topic of `-t`; return 0."""
    config = {"bootstrap.servers": options.brokers, "allow.auto.create.topics": False}
    metadata = request(Producer(PROPERTIES | config), options.brokers, options.topic, "Failed to acquire metadata")
    print("\n".join(format_listing(options.topic, metadata)), flush=True)
    return 0


def request(client: Consumer | Producer, brokers: str, topic: str = "", failure: str = "") -> Any:
    """Return librdkafka's metadata of the cluster and of one topic, or of all topics.

    Raises:
        FatalError: No broker answers within TIMEOUT_S seconds. The message begins with `failure`, if it is given.
    """
    answers: SimpleQueue[Any] = SimpleQueue()

    def wait() -> None:
        try:
            answers.put(client.list_topics(topic or None, TIMEOUT_S))
        except KafkaException as error:
            reason = KafkaError(error.args[0].code()).str()
            answers.put(no_answer(brokers, f"{failure}: {reason}" if failure else ALL_BROKERS_DOWN))

    Thread(target=wait, daemon=True).start()  # list_topics does not return on Ctrl-C
    if isinstance(answer := answers.get(), FatalError):
        raise answer
    return answer


def no_answer(brokers: str, failure: str = ALL_BROKERS_DOWN) -> FatalError:
    """Return the error for brokers that do not answer, with the next command to run."""
    return FatalError(f"{failure} (no broker answers at {brokers}; next: eventlab status)")


def format_listing(topic: str, metadata: Any) -> list[str]:
    """Return the lines of kcat's listing of the metadata."""
    brokers = list(metadata.brokers.values())
    source = metadata.brokers.get(metadata.orig_broker_id, brokers[0])  # -1: before its number is known
    address = f"{source.host}:{source.port}/{source.id}"
    lines = [f"Metadata for {topic or 'all topics'} (from broker {source.id}: {address}):"]
    lines.append(f" {len(brokers)} brokers:")
    for broker in brokers:
        role = " (controller)" if broker.id == metadata.controller_id else ""
        lines.append(f"  broker {broker.id} at {broker.host}:{broker.port}{role}")
    lines.append(f" {len(metadata.topics)} topics:")
    for name, description in metadata.topics.items():
        partitions = description.partitions.values()
        lines.append(f'  topic "{name}" with {len(partitions)} partitions:{_error(" ", description)}')
        for partition in partitions:
            replicas, isrs = (",".join(map(str, ids)) for ids in (partition.replicas, partition.isrs))
            rest = f"replicas: {replicas}, isrs: {isrs}{_error(', ', partition)}"
            lines.append(f"    partition {partition.id}, leader {partition.leader}, {rest}")
    return lines


def _error(separator: str, described: Any) -> str:
    return f"{separator}{described.error.str()}" if described.error else ""
