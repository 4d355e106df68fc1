"""Consumer groups: their committed offsets and their members."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from eventlab.clients.kafka_connections import TIMEOUT_S, KafkaUnavailable, open_admin

if TYPE_CHECKING:
    from kafka import KafkaAdminClient, TopicPartition
    from kafka.structs import OffsetAndMetadata

RETRY_S = 0.2


def committed_offsets(bootstrap_servers: str, group: str, topic: str) -> dict[int, int]:
    """Return the offsets that a consumer group has committed for a topic, by partition; {} when there are none."""
    from kafka.errors import CoordinatorNotAvailableError

    with open_admin(bootstrap_servers) as admin:
        try:
            committed = admin.list_group_offsets({group: None}).get(group, {})
        except CoordinatorNotAvailableError:  # nothing has ever been committed on this broker
            return {}
    return {
        tp.partition: entry.offset for tp, entry in committed.items() if tp.topic == topic and entry.offset >= 0
    }


def commit_offsets(
    admin: KafkaAdminClient, group: str, offsets: Mapping[TopicPartition, OffsetAndMetadata]
) -> None:
    """Commit offsets for a consumer group without members.

    A broker has no coordinator of groups before the first group. Wait for it, at most TIMEOUT_S seconds.
    """
    from kafka.errors import KafkaError

    deadline = time.monotonic() + TIMEOUT_S
    reason: object = ""
    while time.monotonic() < deadline:
        try:
            errors = admin.alter_group_offsets(group, offsets).values()
            reason = next((error.__name__ for error in errors if error.retriable), "")
        except KafkaError as error:
            if not error.retriable:
                raise
            reason = error
        if not reason:
            return
        time.sleep(RETRY_S)
    raise KafkaUnavailable(admin.config["bootstrap_servers"], reason)


def remove_members(admin: KafkaAdminClient, groups: Collection[str]) -> None:
    """Remove the members of consumer groups that exist. A consumer that was not closed stays a member for a while.

    While a group has members, it cannot be deleted, and no offsets can be committed for it from outside.
    """
    from kafka.admin import MemberToRemove

    for name, group in (admin.describe_groups(list(groups)) if groups else {}).items():
        if members := [MemberToRemove(member_id=member["member_id"]) for member in group["members"]]:
            admin.remove_group_members(name, members)
