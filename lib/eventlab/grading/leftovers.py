"""What a submission left in Kafka and on HDFS: taken away, or noticed.

`found` is what there is of a clean stack. `remove` takes away topics, groups and folders that it does not name.
Whatever then differs can't be mended by taking away (a broker's setting, a quota, a mode of a folder): the
services are started anew. Client quotas are the exception: this Kafka client can't ask for them.
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
    """What is there, and that Kafka and HDFS still answer."""
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
    """A consumer that was not closed is a member still, for a while, and would keep its group."""
    from kafka.admin import MemberToRemove

    for name, group in admin.describe_groups(groups).items():
        if members := [MemberToRemove(member_id=member["member_id"]) for member in group["members"]]:
            admin.remove_group_members(name, members)
    admin.delete_groups(groups)


def _configs(admin: Any, topics: list[str]) -> dict[str, Any]:
    """Every setting that is not as it is by default, of the broker and of the topics that stay."""
    from kafka.admin import ConfigResource, ConfigResourceType

    wanted = [ConfigResource(ConfigResourceType.BROKER, BROKER)]
    wanted += [ConfigResource(ConfigResourceType.TOPIC, name) for name in topics]
    return admin.describe_configs(wanted)
