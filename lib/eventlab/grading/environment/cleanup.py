"""Detect and remove what a submission created in Kafka and on HDFS.

`found` describes a stack. `remove` deletes the topics, groups and folders that a clean stack does not have.
If the stack still differs then (a broker setting, a quota, the permissions of a folder), its services are
restarted. Client quotas are an exception: this Kafka client cannot read them.
"""

from __future__ import annotations

from typing import Any

from eventlab.clients.kafka import open_admin
from eventlab.labs import files
from eventlab.settings import settings
from eventlab.stack import filesystem

FOLDERS = ("/", "/tmp")
COUNTED = ("directoryCount", "fileCount", "quota", "spaceQuota")
BROKER = "1"
"""The only one (stack/kafka/server.properties); what is set for all brokers shows in its settings, too."""


def found() -> dict[str, Any]:
    """Return the topics, groups, settings and folders of Kafka and HDFS."""
    with open_admin(settings.bootstrap_servers) as admin:
        topics = sorted(admin.list_topics())
        groups = sorted(group["group_id"] for group in admin.list_groups())
        configs = _configs(admin, topics)
    total = files.summary("/")
    return {
        "topics": topics,
        "groups": groups,
        "settings": configs,
        "folders": {path: files.modes(path) for path in FOLDERS},
        "total": {name: total.get(name) for name in COUNTED},
    }


def remove(clean: dict[str, Any]) -> None:
    """Delete the topics, groups and folders that a clean stack does not have."""
    with open_admin(settings.bootstrap_servers) as admin:
        if groups := [g["group_id"] for g in admin.list_groups() if g["group_id"] not in clean["groups"]]:
            _end_groups(admin, groups)
        if topics := [name for name in admin.list_topics() if name not in clean["topics"]]:
            admin.delete_topics(topics)
    for folder, names in clean["folders"].items():
        for name in filesystem.names(folder):
            if name not in names:
                filesystem.delete(f"{folder.rstrip('/')}/{name}")


def _end_groups(admin: Any, groups: list[str]) -> None:
    """Delete consumer groups; members that were not closed are removed first, because they keep a group."""
    from kafka.admin import MemberToRemove

    for name, group in admin.describe_groups(groups).items():
        if members := [MemberToRemove(member_id=member["member_id"]) for member in group["members"]]:
            admin.remove_group_members(name, members)
    admin.delete_groups(groups)


def _configs(admin: Any, topics: list[str]) -> dict[str, Any]:
    """Return the settings of the broker and of the topics that differ from the defaults."""
    from kafka.admin import ConfigResource, ConfigResourceType

    wanted = [ConfigResource(ConfigResourceType.BROKER, BROKER)]
    wanted += [ConfigResource(ConfigResourceType.TOPIC, name) for name in topics]
    return admin.describe_configs(wanted)
