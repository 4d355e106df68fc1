"""The state that the instructor's solution of a question produces, to put in place of a broken question.

The instructor's notebook runs in a kernel and a namespace of its own, in which no student's code runs. What each
question changes there is written into the student's namespace: messages, committed offsets, files, and variables
that are plain data. The student's code never meets the source of a solution: files and variables that repeat it
are left out.
"""

from __future__ import annotations

import ast
import json
import logging
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nbformat import NotebookNode

from eventlab.clients import kafka
from eventlab.clients.kafka import open_admin, open_consumer, open_producer
from eventlab.errors import EventlabError
from eventlab.grading.execution.kernel import SubmissionKernel
from eventlab.labs import cells, files
from eventlab.labs.names import Namespace
from eventlab.settings import settings
from eventlab.stack import filesystem

if TYPE_CHECKING:
    from kafka import KafkaConsumer

LARGEST_FILE = 16 * 1024 * 1024
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
SHORTEST_SECRET = 12
"""Shorter lines of a solution, such as `import json`, are not secret."""
logger = logging.getLogger(__name__)


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


@dataclass(frozen=True)
class Change:
    """What a question has changed: the state before and after it."""

    before: Snapshot
    after: Snapshot


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
        return {file.path: files.read(f"{folder}/{file.path}", LARGEST_FILE) for file in files.walk(folder)}
    except files.FileError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return {}
        raise


def secrets_of(instructor: NotebookNode, question: str) -> tuple[set[str], set[str]]:
    """Return the lines of a question's solution, and the names of variables that it sets to constants."""
    lines: set[str] = set()
    names: set[str] = set()
    for cell in instructor.cells:
        if cells.is_solution(cell) and cells.question_of(cell) == question:
            lines |= {line.strip() for line in cell.source.splitlines() if not line.strip().startswith("### ")}
            names |= _constants(cell.source)
    return {line for line in lines if len(line) >= SHORTEST_SECRET}, names


def _constants(source: str) -> set[str]:
    try:
        statements = ast.parse(textwrap.dedent(source)).body
    except SyntaxError:  # a cell with a magic has no variables of its own
        return set()
    names = set()
    for statement in statements:
        if isinstance(statement, ast.Assign):
            try:
                ast.literal_eval(statement.value)
            except ValueError:
                continue
            names |= {target.id for target in statement.targets if isinstance(target, ast.Name)}
    return names


class Reference:
    """The instructor's run for one seed: what each question has changed."""

    def __init__(self, namespace: Namespace, instructor: NotebookNode) -> None:
        self.namespace, self.instructor = namespace, instructor
        self.changes: dict[str, Change] = {}
        self._last = Snapshot()

    def begin(self, kernel: SubmissionKernel) -> None:
        """Keep the state before the first question."""
        self._last = snapshot(self.namespace, kernel)

    def keep(self, question: str, kernel: SubmissionKernel) -> None:
        """Keep what a question has changed; called when its check cell has been passed."""
        before, self._last = self._last, snapshot(self.namespace, kernel)
        self.changes[question] = Change(before, self._last)

    def put(self, question: str, target: Namespace, kernel: SubmissionKernel) -> None:
        """Write what a question has changed into a student's namespace and kernel."""
        change = self.changes[question]
        lines, constants = secrets_of(self.instructor, question)
        names = _Renamed(self.namespace.prefix, target.prefix)
        _put_messages(change, target, names)
        _put_offsets(change, target)
        _put_hdfs(change, target)
        changed = _changed(change.before.files, change.after.files)
        kernel.write({name: content for name, content in changed.items() if not _repeats(content, lines)})
        values = {
            name: value
            for name, value in _changed(change.before.values, change.after.values).items()
            if name not in constants and not _repeats(json.dumps(value).encode(), lines)
        }
        imports = _changed(change.before.imports, change.after.imports)
        kernel.execute(_assignments(names.in_json(values), imports), 30)


def _put_messages(change: Change, target: Namespace, names: _Renamed) -> None:
    for suffix, topic in change.after.topics.items():
        old = change.before.topics.get(suffix)
        if old == topic:
            continue
        name = f"{target.prefix}-{suffix}"
        new = topic.messages
        if old is not None and old.id == topic.id:
            ends = {m.partition: m.offset for m in old.messages}
            new = tuple(m for m in new if m.offset > ends.get(m.partition, -1))
        else:
            _create_empty(name, topic.partitions)
        with open_producer(settings.bootstrap_servers) as producer:
            for m in new:
                producer.send(
                    name, names.in_bytes(m.value), m.key, list(m.headers), m.partition, timestamp_ms=m.timestamp_ms
                )
    for suffix in change.before.topics.keys() - change.after.topics.keys():
        kafka.delete_topics(settings.bootstrap_servers, [f"{target.prefix}-{suffix}"])


def _create_empty(name: str, partitions: int) -> None:
    if partitions == 1:
        kafka.recreate_topic(settings.bootstrap_servers, name)
    else:
        kafka.delete_topics(settings.bootstrap_servers, [name])
        kafka.create_topic(settings.bootstrap_servers, name, partitions)


def _put_offsets(change: Change, target: Namespace) -> None:
    """Commit the offsets of the instructor's groups; members that the student left in them are removed first."""
    from kafka import TopicPartition
    from kafka.admin import MemberToRemove
    from kafka.structs import OffsetAndMetadata

    changed: dict[str, dict[TopicPartition, OffsetAndMetadata]] = {}
    for (group, topic, partition), offset in _changed(change.before.offsets, change.after.offsets).items():
        place = TopicPartition(f"{target.prefix}-{topic}", partition)
        changed.setdefault(f"{target.prefix}-{group}", {})[place] = OffsetAndMetadata(offset, "", -1)
    if not changed:
        return
    with open_admin(settings.bootstrap_servers) as admin:
        existing = {group["group_id"] for group in admin.list_groups()} & changed.keys()
        for name, group in (admin.describe_groups(list(existing)) if existing else {}).items():
            if members := [MemberToRemove(member_id=member["member_id"]) for member in group["members"]]:
                admin.remove_group_members(name, members)
        for name, offsets in changed.items():
            admin.alter_group_offsets(name, offsets)


def _put_hdfs(change: Change, target: Namespace) -> None:
    before, after = change.before.hdfs, change.after.hdfs
    for path in before.keys() - after.keys():
        filesystem.delete(f"{target.folder}/{path}")
    new = _changed(before, after)
    for folder in {path.partition("/")[0] for path in new if "/" in path}:
        if not any(path.startswith(f"{folder}/") for path in before):
            filesystem.delete(f"{target.folder}/{folder}")  # what the student's own run may have left there
    for path, content in new.items():
        files.write(f"{target.folder}/{path}", content)


def _assignments(values_json: str, imports: Mapping[str, list[str]]) -> str:
    """Return a cell that sets variables and imports names; a name that cannot be imported is left out."""
    return f"""
import importlib as _importlib
for _name, (_module, _attribute) in {imports!r}.items():
    try:
        _value = _importlib.import_module(_module)
        globals()[_name] = getattr(_value, _attribute) if _attribute else _value
    except Exception:
        pass
globals().update(__import__("json").loads({values_json!r}))
"""


@dataclass(frozen=True)
class _Renamed:
    """Replaces the prefix of one namespace by another one's."""

    old: str
    new: str

    def in_bytes(self, value: bytes | None) -> bytes | None:
        return None if value is None else value.replace(self.old.encode(), self.new.encode())

    def in_json(self, value: Any) -> str:
        return json.dumps(value).replace(self.old, self.new)


def _changed(before: Mapping[Any, Any], after: Mapping[Any, Any]) -> dict[Any, Any]:
    """Return the entries that are new or have another value."""
    return {key: value for key, value in after.items() if key not in before or before[key] != value}


def _repeats(content: bytes, lines: Iterable[str]) -> bool:
    """Return whether a text contains a line of the solution."""
    text = content.decode("utf-8", "replace")
    return any(line in text or json.dumps(line)[1:-1] in text for line in lines)
