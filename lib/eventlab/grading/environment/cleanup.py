"""Detect and remove what a submission created in Kafka and on HDFS, and end its sessions in Spark.

`read_state` describes Kafka and HDFS. `remove` deletes the topics, groups and folders that a clean stack does not
have. If the state is still another one (the permissions of a folder, a storage policy, the name of a transaction,
which Kafka keeps for days), the services are restarted. What no submission may change is not read: `access.py`.

Spark's web page lists the sessions. Spark Connect's ReleaseSession request ends one and interrupts what it runs.
https://github.com/apache/spark/blob/master/sql/connect/common/src/main/protobuf/spark/connect/base.proto
"""

from __future__ import annotations

import contextlib
import time
from typing import Any

from eventlab.clients import http, kafka
from eventlab.clients.hdfs import HdfsClient
from eventlab.clients.spark import release_session
from eventlab.clients.spark_sessions import SessionError, Sessions, sessions
from eventlab.errors import EventlabError, ServiceUnavailable
from eventlab.grading.environment import health
from eventlab.grading.environment.access import Access
from eventlab.settings import Settings
from eventlab.stack.tokens import spark_token

FOLDERS = ("/", "/tmp")
CHANGING_FIELDS = ("accessTime", "modificationTime", "childrenNum", "fileId", "pathSuffix", "name")
BROKER = "1"
"""The id of the only broker (stack/kafka/server.properties). Its settings contain those of all brokers, too."""
END_TIMEOUT_S = 5
ACTIVE_TASKS = ".executor.threadpool.activeTasks"
"""The end of the name of the metric: https://spark.apache.org/docs/latest/monitoring.html#metrics"""


def read_state(access: Access) -> dict[str, Any]:
    """Return the topics, groups, transactions, settings and folders of Kafka and HDFS."""
    with access.admin() as admin:
        topics = sorted(admin.list_topics())
        kafka_state = {
            "topics": _end_offsets(admin, topics),
            "groups": sorted(group["group_id"] for group in admin.list_groups()),
            "transactions": sorted(
                one.transactional_id for of in admin.list_transactions().values() for one in of
            ),
            "settings": _configs(admin, topics),
        }
    hdfs = access.hdfs()
    return kafka_state | {
        "folders": {path: _folder(hdfs, path) for path in FOLDERS},
        "total": hdfs.content_summary("/"),
        "nodes": health.node_states(access.settings),
    }


def remove(access: Access, clean: dict[str, Any]) -> None:
    """Delete the topics, groups and folders that a clean stack does not have."""
    with access.admin() as admin:
        if groups := [g["group_id"] for g in admin.list_groups() if g["group_id"] not in clean["groups"]]:
            kafka.remove_members(admin, groups)
            admin.delete_groups(groups)
        topics = admin.list_topics()
        kept = clean["topics"].keys() & topics
        offsets = _end_offsets(admin, sorted(kept))
        changed = {name for name in kept if offsets.get(name) != clean["topics"][name]}
        if unwanted := sorted(changed | (set(topics) - kept)):
            admin.delete_topics(unwanted)
    for name in changed:
        kafka.create_topic(access.settings.bootstrap_servers, name)
    hdfs = access.hdfs()
    for folder, before in clean["folders"].items():
        for entry in hdfs.ls(folder, detail=True):
            if entry["pathSuffix"] not in before["entries"]:
                with contextlib.suppress(EventlabError, FileNotFoundError):  # `read_state` then shows what is left
                    hdfs.rm(f"{folder.rstrip('/')}/{entry['pathSuffix']}", recursive=True)


def _end_offsets(admin: Any, topics: list[str]) -> dict[str, Any]:
    """Return the end offset of each partition of the topics, and the ids of the topics."""
    from kafka import TopicPartition
    from kafka.admin import OffsetSpec

    described = admin.describe_topics(topics) if topics else []
    partitions = {
        topic["name"]: [TopicPartition(topic["name"], one["partition_index"]) for one in topic["partitions"]]
        for topic in described
    }
    latest = {
        one: OffsetSpec.LATEST for name, many in partitions.items() if not name.startswith("__") for one in many
    }
    offsets = admin.list_partition_offsets(latest) if latest else {}
    return {
        name: [offsets[one].offset if one in offsets else 0 for one in many] for name, many in partitions.items()
    }


def _configs(admin: Any, topics: list[str]) -> dict[str, Any]:
    """Return the settings of the broker and of the topics that differ from the defaults."""
    from kafka.admin import ConfigResource, ConfigResourceType

    resources = [ConfigResource(ConfigResourceType.BROKER, BROKER)]
    resources += [ConfigResource(ConfigResourceType.TOPIC, name) for name in topics]
    return admin.describe_configs(resources)


def _folder(hdfs: HdfsClient, path: str) -> dict[str, Any]:
    """Return all attributes of a folder and of its entries: owners, permissions, policies, quotas."""
    attributes = hdfs._call("GETXATTRS", path=path, encoding="hex").json()["XAttrs"]
    return {
        "own": _without_changing_fields(hdfs.info(path)),
        "attributes": attributes,
        "acl": hdfs._call("GETACLSTATUS", path=path).json()["AclStatus"],
        "quota": hdfs.content_summary(path),
        "entries": {entry["pathSuffix"]: _without_changing_fields(entry) for entry in hdfs.ls(path, detail=True)},
    }


def _without_changing_fields(entry: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name not in CHANGING_FIELDS}


def end_sessions(settings: Settings, kept: Sessions) -> int:
    """End every other session, wait until nothing runs, and return how many were ended.

    A task that waits in a read of a file does not end with its session, and keeps its processor.
    """
    deadline = time.monotonic() + END_TIMEOUT_S
    ended: set[tuple[str, str]] = set()
    while True:
        now = sessions(settings)
        left = now.open - kept.open
        tasks = 0 if left else running_tasks(settings)
        if not left and now.running <= kept.running and not tasks:
            return len(ended)
        if time.monotonic() > deadline:
            raise SessionError(f"{len(left)} sessions, {now.running} requests and {tasks} tasks do not end")
        for user, session in left - ended:
            _release(settings, user, session)
        ended |= left
        time.sleep(0.05)


def running_tasks(settings: Settings) -> int:
    """Return how many tasks run, also those whose session has ended."""
    try:
        gauges = http.get(f"{settings.spark_ui_url}/metrics/json/", 10).json()["gauges"]
        return sum(gauge["value"] for name, gauge in gauges.items() if name.endswith(ACTIVE_TASKS))
    except (ServiceUnavailable, ValueError, LookupError, TypeError) as error:
        raise SessionError(f"Spark does not say which tasks it has: {error}") from error


def _release(settings: Settings, user: str, session: str) -> None:
    """End a session and interrupt what it runs."""
    try:
        release_session(settings.spark_remote, spark_token(settings), user, session)
    except ServiceUnavailable as error:
        raise SessionError(error.message) from error


def differences(before: object, now: object, name: str = "") -> str:
    """Return where two nested dictionaries differ, with both values."""
    if isinstance(before, dict) and isinstance(now, dict):
        names = [key for key in before | now if before.get(key) != now.get(key)]
        return "; ".join(differences(before.get(key), now.get(key), f"{name} {key}") for key in names[:5])
    return f"{name.strip()}: {before!r:.200} became {now!r:.200}"
