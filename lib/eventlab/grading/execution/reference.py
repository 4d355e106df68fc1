"""The state that the instructor's solution of a question produces, to put in place of a broken question.

The instructor's notebook runs in a kernel and a namespace of its own, in which no student's code runs. What each
question changes there is written into the student's namespace. The student's code never sees the source of a
solution: files and variables that repeat it are left out.
"""

from __future__ import annotations

import ast
import json
import textwrap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from nbformat import NotebookNode

from eventlab.clients import kafka
from eventlab.clients.kafka import TIMEOUT_S, TopicError, open_admin, open_producer
from eventlab.errors import EventlabError
from eventlab.grading.execution.kernel import KernelError, SubmissionKernel
from eventlab.grading.execution.snapshot import Snapshot, snapshot
from eventlab.labs import cells, files
from eventlab.labs.checks import is_caused_by_service
from eventlab.labs.names import Namespace
from eventlab.settings import settings
from eventlab.stack import filesystem

ASSIGNMENT_TIMEOUT_S = 30
MIN_SECRET_CHARS = 12
"""Shorter lines of a solution, such as `import json`, are not secret."""


def secrets_of(instructor: NotebookNode, question: str) -> tuple[set[str], dict[str, str]]:
    """Return the lines of a question's solution, and the variables that it sets to constants, as JSON."""
    lines: set[str] = set()
    constants: dict[str, str] = {}
    for cell in instructor.cells:
        if cells.is_solution(cell) and cells.question_of(cell) == question:
            lines |= {line.strip() for line in cell.source.splitlines() if not line.strip().startswith("### ")}
            constants |= _constants(cell.source)
    return {line for line in lines if len(line) >= MIN_SECRET_CHARS}, constants


def _constants(source: str) -> dict[str, str]:
    try:
        statements = ast.parse(textwrap.dedent(source)).body
    except SyntaxError:  # a cell with a magic has no variables of its own
        return {}
    constants: dict[str, str] = {}
    for statement in statements:
        if isinstance(statement, ast.Assign):
            try:
                value = json.dumps(ast.literal_eval(statement.value), default=repr)
            except (TypeError, ValueError):  # not a constant, or none that JSON has
                continue
            constants |= {target.id: value for target in statement.targets if isinstance(target, ast.Name)}
    return constants


class PutError(EventlabError):
    """The student's kernel did not take the instructor's variables."""


class Reference:
    """The instructor's run for one seed: what each question has changed."""

    def __init__(self, namespace: Namespace, instructor: NotebookNode) -> None:
        self.namespace, self.instructor = namespace, instructor
        self.changes: dict[str, tuple[Snapshot, Snapshot]] = {}
        self._last = Snapshot()

    def begin(self, kernel: SubmissionKernel) -> None:
        """Keep the state before the first question."""
        self._last = snapshot(self.namespace, kernel)

    def keep(self, question: str, kernel: SubmissionKernel) -> None:
        """Keep what a question has changed; called when its check cell has been passed."""
        before, self._last = self._last, snapshot(self.namespace, kernel)
        self.changes[question] = before, self._last

    def put(self, question: str, target: Namespace, kernel: SubmissionKernel) -> None:
        """Write what a question has changed into a student's namespace and kernel.

        Raises:
            PutError: The student's kernel has ended, or refuses the variables.
            FullFolderError: The student's folder has no room for the files.
            EventlabError: A service does not answer, or refuses the result.
        """
        before, after = self.changes[question]
        lines, constants = secrets_of(self.instructor, question)
        names = _Renamed(self.namespace.prefix, target.prefix)
        _put_messages(before, after, target, names)
        _put_offsets(before, after, target)
        _put_hdfs(before, after, target)
        changed = _changed(before.files, after.files)
        kernel.write({name: content for name, content in changed.items() if not _repeats(content, lines)})
        values = {
            name: value
            for name, value in _changed(before.values, after.values).items()
            if not (value and json.dumps(value) == constants.get(name))
            and not _repeats(json.dumps(value).encode(), lines)
        }
        imports = _changed(before.imports, after.imports)
        result = kernel.execute(_assignments(names.in_json(values), imports), ASSIGNMENT_TIMEOUT_S)
        if result.ended != "done":
            raise PutError(f"the kernel did not take the variables ({result.ended} {result.error})")


def put_or_report(
    reference: Reference,
    question: str,
    target: Namespace,
    kernel: SubmissionKernel,
    require_running: Callable[[], None],
) -> str:
    """Put the instructor's result of a question in place; return why the student's own data refuses it, or "".

    Args:
        reference: The instructor's results.
        question: The question.
        target: The student's namespace.
        kernel: The student's kernel.
        require_running: Raises an error when a service has ended.

    Raises:
        EventlabError: A service or the fork server does not answer, or a topic cannot be created: the machine is
            the reason.
    """
    try:
        reference.put(question, target, kernel)
    except Exception as error:
        require_running()
        if is_caused_by_service(error) or isinstance(error, KernelError | TopicError):
            raise
        return f"the instructor's result of {question} could not be put in place: {error}"
    return ""


def _put_messages(before: Snapshot, after: Snapshot, target: Namespace, names: _Renamed) -> None:
    for suffix, topic in after.topics.items():
        old = before.topics.get(suffix)
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
            sent = [
                producer.send(
                    name, names.in_bytes(m.value), m.key, list(m.headers), m.partition, timestamp_ms=m.timestamp_ms
                )
                for m in new
            ]
            for future in sent:
                future.get(timeout=2 * TIMEOUT_S)
    for suffix in before.topics.keys() - after.topics.keys():
        kafka.delete_topics(settings.bootstrap_servers, [f"{target.prefix}-{suffix}"])


def _create_empty(name: str, partitions: int) -> None:
    if partitions == 1:
        kafka.recreate_topic(settings.bootstrap_servers, name)
    else:
        kafka.delete_topics(settings.bootstrap_servers, [name])
        kafka.create_topic(settings.bootstrap_servers, name, partitions)


def _put_offsets(before: Snapshot, after: Snapshot, target: Namespace) -> None:
    """Commit the offsets of the instructor's groups; members that the student left in them are removed first."""
    from kafka import TopicPartition
    from kafka.structs import OffsetAndMetadata

    changed: dict[str, dict[TopicPartition, OffsetAndMetadata]] = {}
    for (group, topic, partition), offset in _changed(before.offsets, after.offsets).items():
        place = TopicPartition(f"{target.prefix}-{topic}", partition)
        changed.setdefault(f"{target.prefix}-{group}", {})[place] = OffsetAndMetadata(offset, "", -1)
    if not changed:
        return
    with open_admin(settings.bootstrap_servers) as admin:
        existing = {group["group_id"] for group in admin.list_groups()} & changed.keys()
        kafka.remove_members(admin, existing)
        for name, offsets in changed.items():
            kafka.commit_offsets(admin, name, offsets)


def _put_hdfs(before: Snapshot, after: Snapshot, target: Namespace) -> None:
    old = before.hdfs
    for path in old.keys() - after.hdfs.keys():
        filesystem.delete(f"{target.folder}/{path}")
    new = _changed(old, after.hdfs)
    for folder in {path.partition("/")[0] for path in new if "/" in path}:
        if not any(path.startswith(f"{folder}/") for path in old):
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
