"""List mode (`-L`): print the brokers and topics of the cluster."""

from __future__ import annotations

from typing import Any

from kafka import KafkaAdminClient
from kafka.errors import for_code

from eventlab.commands.kafkacat.client import TRANSPORT_FAILURE, connect, kafka_message
from eventlab.commands.kafkacat.options import Options


def run(options: Options) -> int:
    """Print the brokers and all topics, or the topic of `-t`; return 0."""
    with connect(KafkaAdminClient, options.brokers, f"Failed to acquire metadata: {TRANSPORT_FAILURE}") as admin:
        topics = admin.describe_topics([options.topic] if options.topic else None)
        print("\n".join(format_listing(options.topic, admin.describe_cluster(), topics)), flush=True)
    return 0


def format_listing(topic: str, cluster: dict[str, Any], topics: list[dict[str, Any]]) -> list[str]:
    """Return the lines of kcat's listing, from the results of describe_cluster and describe_topics."""
    brokers = [(broker["broker_id"], f"{broker['host']}:{broker['port']}") for broker in cluster["brokers"]]
    first, address = brokers[0]
    roles = {cluster["controller_id"]: " (controller)"}
    lines = [f"Metadata for {topic or 'all topics'} (from broker {first}: {address}/{first}):"]
    lines += [f" {len(brokers)} brokers:"]
    lines += [f"  broker {number} at {address}{roles.get(number, '')}" for number, address in brokers]
    lines += [f" {len(topics)} topics:"]
    for description in topics:
        partitions = sorted(description["partitions"], key=lambda partition: partition["partition_index"])
        title = f'  topic "{description["name"]}" with {len(partitions)} partitions:'
        lines += [title + _error(" ", description), *map(_partition_line, partitions)]
    return lines


def _partition_line(partition: dict[str, Any]) -> str:
    replicas, isrs = (",".join(map(str, partition[name])) for name in ("replica_nodes", "isr_nodes"))
    number, leader = partition["partition_index"], partition["leader_id"]
    return f"    partition {number}, leader {leader}, replicas: {replicas}, isrs: {isrs}{_error(', ', partition)}"


def _error(separator: str, description: dict[str, Any]) -> str:
    code = description["error_code"]
    return f"{separator}{kafka_message(for_code(code)())}" if code else ""
