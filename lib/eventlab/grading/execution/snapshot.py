"""Reading the state of a namespace and its kernel: messages, committed offsets, files, and plain variables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from eventlab.clients import kafka
from eventlab.clients.kafka import open_admin, open_consumer
from eventlab.errors import EventlabError
from eventlab.grading.execution.kernel import SubmissionKernel
from eventlab.labs import files
from eventlab.labs.names import Namespace
from eventlab.settings import settings

if TYPE_CHECKING:
    from kafka import KafkaConsumer

MAX_FILE_BYTES = 16 * 1024 * 1024
VARIABLES_FILE = ".eventlab-variables.json"
COLLECT_VARIABLES = f"""
def _collect_variables():
    import json, sys, types
    values, imports = {{}}, {{}}
    hidden = set(get_ipython().user_ns_hidden) | {{"In", "Out"}}
    for name, value in list(globals().items()):
        if name.startswith("_") or name in hidden:
            continue
        module = getattr(value, "__module__", None)
        if isinstance(value, types.ModuleType):
            imports[name] = [value.__name__, ""]
        elif module in sys.modules and module != "__main__" and isinstance(getattr(value, "__name__", None), str):
            if getattr(sys.modules[module], value.__name__, None) is value:
                imports[name] = [module, value.__name__]
        else:
            try:
                text = json.dumps(value)
                if len(text) < 65536 and json.loads(text) == value:
                    values[name] = value
            except (TypeError, ValueError, RecursionError):
                pass
    with open("{VARIABLES_FILE}", "w") as file:
        json.dump({{"values": values, "imports": imports}}, file)
_collect_variables()
del _collect_variables
"""


@dataclass(frozen=True)
class Message:
    """A message of a topic, as it is sent again."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    timestamp_ms: int


@dataclass(frozen=True)
class Topic:
    """A topic: its id, the number of its partitions, its messages."""

    id: str | None
    partitions: int
    messages: tuple[Message, ...]


@dataclass(frozen=True)
class Snapshot:
    """The state of a namespace and its kernel.

    Attributes:
        topics: Topics by the part of their name after the namespace's prefix.
        offsets: Committed offsets by group and topic (without the prefix) and partition.
        hdfs: Files below the namespace's folder, by relative path.
        files: Files in the notebook's folder, by name.
        values: Top-level variables that are plain JSON data.
        imports: Top-level names of modules (`[module, ""]`) and of objects in modules (`[module, name]`).
    """

    topics: Mapping[str, Topic] = field(default_factory=dict)
    offsets: Mapping[tuple[str, str, int], int] = field(default_factory=dict)
    hdfs: Mapping[str, bytes] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    imports: Mapping[str, list[str]] = field(default_factory=dict)


def snapshot(namespace: Namespace, kernel: SubmissionKernel) -> Snapshot:
    """Read the state that the instructor's notebook has produced so far.

    Raises:
        EventlabError: The state cannot be read.
    """
    if (result := kernel.execute(COLLECT_VARIABLES, 30)).ended != "done":
        raise EventlabError(f"the variables of the instructor's notebook cannot be read: {result.error}")
    workdir = kernel.files()
    variables = json.loads(workdir.pop(VARIABLES_FILE, b'{"values": {}, "imports": {}}'))
    prefix = f"{namespace.prefix}-"
    with open_admin(settings.bootstrap_servers) as admin:
        names = [name for name in admin.list_topics() if name.startswith(prefix)]
        ids = (
            {topic["name"]: str(topic.get("topic_id")) for topic in admin.describe_topics(names)} if names else {}
        )
        groups = [group["group_id"] for group in admin.list_groups() if group["group_id"].startswith(prefix)]
        committed = admin.list_group_offsets(dict.fromkeys(groups)) if groups else {}
    with open_consumer(settings.bootstrap_servers) as consumer:
        topics = {name.removeprefix(prefix): _topic(consumer, name, ids[name]) for name in names}
    offsets = {
        (group.removeprefix(prefix), place.topic.removeprefix(prefix), place.partition): entry.offset
        for group, entries in committed.items()
        for place, entry in entries.items()
        if entry.offset >= 0 and place.topic.startswith(prefix)
    }
    return Snapshot(topics, offsets, _hdfs_files(namespace.folder), workdir, **variables)


def _topic(consumer: KafkaConsumer, name: str, topic_id: str) -> Topic:
    offsets = kafka.offsets_of(consumer, name)
    assert offsets is not None
    messages = tuple(
        Message(m.partition, m.offset, m.key, m.value, tuple(m.headers or ()), m.timestamp)
        for m in kafka.read_range(consumer, name, offsets.first, offsets.end)
    )
    return Topic(topic_id, len(offsets.end), messages)


def _hdfs_files(folder: str) -> dict[str, bytes]:
    try:
        listed = list(files.walk(folder))
    except files.FileError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return {}
        raise
    for file in listed:
        if file.size > MAX_FILE_BYTES:
            raise EventlabError(f"{file.path} of the instructor has {file.size} bytes: it cannot be copied")
    return {file.path: files.read(f"{folder}/{file.path}", MAX_FILE_BYTES) for file in listed}
