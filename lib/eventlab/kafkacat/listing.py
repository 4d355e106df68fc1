"""`-L` and `-Q`: what the cluster says about its brokers, topics and offsets."""

from __future__ import annotations

import json
import sys
from typing import Any

from kafka import KafkaAdminClient, TopicPartition
from kafka.errors import KafkaError, KafkaTimeoutError

from eventlab.kafkacat.client import Reader, accepted, common
from eventlab.kafkacat.options import Instant, Options
from eventlab.kafkacat.properties import Properties
from eventlab.kafkacat.report import (
    TRANSPORT_FAILURE,
    UNKNOWN_PARTITION,
    Fatal,
    broker_error,
    client_error,
    unreachable,
)

END, BEGINNING = -1, -2


def run(options: Options, properties: Properties) -> int:
    """Print the cluster's brokers and its topics, or the one of `-t`."""
    cluster, topics = _metadata(options, properties)
    text = as_json if options.json else as_text
    sys.stdout.write(text(options.topic, cluster, topics))
    sys.stdout.flush()
    return 0


def query(options: Options, properties: Properties) -> int:
    """Print the first offset at or after each `-t topic:partition:timestamp`."""
    with Reader(options, properties, "Failed to query offsets") as reader:
        there = {partition for instant in options.instants for partition in reader.partitions(instant.topic)}
        known = [instant for instant in options.instants if TopicPartition(*instant[:2]) in there]
        if not known:
            raise Fatal(f"offsets_for_times failed: {UNKNOWN_PARTITION}")
        offsets = {instant: _offset(reader, instant) for instant in known}
    for instant in sorted(options.instants):
        answer = f"{offsets[instant]}" if instant in offsets else f"0: {UNKNOWN_PARTITION}"
        print(f"{instant.topic} [{instant.partition}] offset {answer}")
    return 0


def as_text(topic: str | None, cluster: dict[str, Any], topics: list[dict[str, Any]]) -> str:
    """kcat's listing, from what KafkaAdminClient's describe_cluster and describe_topics return."""
    brokers = cluster["brokers"]
    lines = [
        f"Metadata for {topic or 'all topics'} (from broker {brokers[0]['broker_id']}: {_origin(brokers)}):",
        f" {len(brokers)} brokers:",
    ]
    for broker in brokers:
        role = " (controller)" if broker["broker_id"] == cluster["controller_id"] else ""
        lines.append(f"  broker {broker['broker_id']} at {broker['host']}:{broker['port']}{role}")
    lines.append(f" {len(topics)} topics:")
    for described in topics:
        error = f" {broker_error(described['error_code'])}" if described["error_code"] else ""
        lines.append(f'  topic "{described["name"]}" with {len(described["partitions"])} partitions:{error}')
        lines += [_partition_line(partition) for partition in _in_order(described)]
    return "\n".join(lines) + "\n"


def as_json(topic: str | None, cluster: dict[str, Any], topics: list[dict[str, Any]]) -> str:
    """The same as one JSON object, without a newline, as kcat prints it."""
    brokers = cluster["brokers"]
    listing = {
        "originating_broker": {"id": brokers[0]["broker_id"], "name": _origin(brokers)},
        "query": {"topic": topic or "*"},
        "controllerid": cluster["controller_id"],
        "brokers": [
            {"id": broker["broker_id"], "name": f"{broker['host']}:{broker['port']}"} for broker in brokers
        ],
        "topics": [_topic_object(described) for described in topics],
    }
    return json.dumps(listing, separators=(",", ":"))


def _metadata(options: Options, properties: Properties) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    parameters = accepted(KafkaAdminClient, common(options, properties))
    failed = "Failed to acquire metadata: "
    try:
        with KafkaAdminClient(**parameters) as admin:
            return admin.describe_cluster(), admin.describe_topics([options.topic] if options.topic else None)
    except KafkaTimeoutError as wrong:
        where = unreachable(properties["bootstrap_servers"])
        advice = "(Are the brokers reachable? Also try increasing the metadata timeout with -m <timeout>?)"
        raise Fatal(f"{failed}{TRANSPORT_FAILURE} {advice} {where}") from wrong
    except KafkaError as wrong:
        raise Fatal(f"{failed}{client_error(wrong)}") from wrong


def _origin(brokers: list[dict[str, Any]]) -> str:
    first = brokers[0]
    return f"{first['host']}:{first['port']}/{first['broker_id']}"


def _in_order(described: dict[str, Any]) -> list[dict[str, Any]]:
    return sorted(described["partitions"], key=lambda partition: partition["partition_index"])


def _partition_line(partition: dict[str, Any]) -> str:
    replicas, isrs = (",".join(map(str, partition[name])) for name in ("replica_nodes", "isr_nodes"))
    error = f", {broker_error(partition['error_code'])}" if partition["error_code"] else ""
    number, leader = partition["partition_index"], partition["leader_id"]
    return f"    partition {number}, leader {leader}, replicas: {replicas}, isrs: {isrs}{error}"


def _topic_object(described: dict[str, Any]) -> dict[str, Any]:
    error = {"error": broker_error(described["error_code"])} if described["error_code"] else {}
    partitions = [_partition_object(partition) for partition in _in_order(described)]
    return {"topic": described["name"], **error, "partitions": partitions}


def _partition_object(partition: dict[str, Any]) -> dict[str, Any]:
    error = {"error": broker_error(partition["error_code"])} if partition["error_code"] else {}
    return {
        "partition": partition["partition_index"],
        **error,
        "leader": partition["leader_id"],
        "replicas": [{"id": node} for node in partition["replica_nodes"]],
        "isrs": [{"id": node} for node in partition["isr_nodes"]],
    }


def _offset(reader: Reader, instant: Instant) -> int:
    partition, consumer = (TopicPartition(instant.topic, instant.partition), reader.consumer)
    if instant.timestamp == END:
        return consumer.end_offsets([partition], reader.timeout_ms)[partition]
    if instant.timestamp == BEGINNING:
        return consumer.beginning_offsets([partition], reader.timeout_ms)[partition]
    found = consumer.offsets_for_times({partition: instant.timestamp}, reader.timeout_ms)[partition]
    return -1 if found is None else found.offset
