"""`-L`: what the cluster says about its brokers and topics."""

from __future__ import annotations

from typing import Any

from kafka import KafkaAdminClient

from eventlab.commands.kafkacat.client import connect
from eventlab.commands.kafkacat.options import Options
from eventlab.commands.kafkacat.report import TRANSPORT_FAILURE, broker_error


def run(options: Options) -> int:
    """Print the cluster's brokers and its topics, or the one of `-t`."""
    failed = f"Failed to acquire metadata: {TRANSPORT_FAILURE}"
    with connect(KafkaAdminClient, options.brokers, failed) as admin:
        topics = admin.describe_topics([options.topic] if options.topic else None)
        print("\n".join(lines(options.topic, admin.describe_cluster(), topics)), flush=True)
    return 0


def lines(topic: str, cluster: dict[str, Any], topics: list[dict[str, Any]]) -> list[str]:
    """kcat's listing, from what KafkaAdminClient's describe_cluster and describe_topics return."""
    brokers = cluster["brokers"]
    number, address = brokers[0]["broker_id"], _address(brokers[0])
    return [
        f"Metadata for {topic or 'all topics'} (from broker {number}: {address}/{number}):",
        f" {len(brokers)} brokers:",
        *(_broker_line(broker, cluster["controller_id"]) for broker in brokers),
        f" {len(topics)} topics:",
        *(line for described in topics for line in _topic_lines(described)),
    ]


def _address(broker: dict[str, Any]) -> str:
    return f"{broker['host']}:{broker['port']}"


def _broker_line(broker: dict[str, Any], controller: int) -> str:
    role = " (controller)" if broker["broker_id"] == controller else ""
    return f"  broker {broker['broker_id']} at {_address(broker)}{role}"


def _topic_lines(described: dict[str, Any]) -> list[str]:
    error = f" {broker_error(described['error_code'])}" if described["error_code"] else ""
    partitions = sorted(described["partitions"], key=lambda partition: partition["partition_index"])
    title = f'  topic "{described["name"]}" with {len(partitions)} partitions:{error}'
    return [title, *map(_partition_line, partitions)]


def _partition_line(partition: dict[str, Any]) -> str:
    replicas, isrs = (",".join(map(str, partition[name])) for name in ("replica_nodes", "isr_nodes"))
    error = f", {broker_error(partition['error_code'])}" if partition["error_code"] else ""
    number, leader = partition["partition_index"], partition["leader_id"]
    return f"    partition {number}, leader {leader}, replicas: {replicas}, isrs: {isrs}{error}"
