"""What a check reads: results in Kafka and on HDFS, and declared answers, never the student's variables.

A submission can leave any data, so each read has a limit. Anything unexpected raises an EvidenceError, whose
message says what was read instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from eventlab.clients import kafka
from eventlab.errors import EventlabError, ServiceUnavailable
from eventlab.labs import files, parquet
from eventlab.labs.files import MAX_FILES, File, FileError
from eventlab.labs.names import Namespace
from eventlab.settings import settings

T = TypeVar("T")

MAX_MESSAGES = 50_000
MAX_BYTES = 16 * 1024 * 1024
MAX_ROWS = 50_000


class EvidenceError(EventlabError):
    """What a check reads does not exist, or has an unexpected form."""


@dataclass(frozen=True)
class Message:
    """A message in Kafka."""

    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()

    @property
    def event(self) -> dict[str, Any] | None:
        """Return the value as a JSON object; None when it is not one."""
        return kafka.json_object(self.value)


@dataclass(frozen=True)
class Evidence:
    """What a submission left in its namespace, and the answers that its notebook declared.

    Attributes:
        namespace: The names of its topics, HDFS folder and consumer groups.
        seed: The seed of its input.
        answers: The declared answers by question.
        sources: The student's cells by question.
        files: Files that the notebook wrote into its folder, by name.
        trial: What happened in the trial of the question's job (the fields of `trial.Record`), or {} without one.
        found: What was read from Kafka and HDFS; empty if nothing was there.
    """

    namespace: Namespace
    seed: int
    answers: Mapping[str, Any] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    trial: Mapping[str, Any] = field(default_factory=dict)
    found: list[Any] = field(default_factory=list, compare=False)
    _seen: dict[tuple[str, str], Any] = field(default_factory=dict, repr=False, compare=False)

    def answer(self, question: str) -> Any:
        """Return the value that the notebook declared with `lab.answer(question, value)`."""
        if question not in self.answers:
            raise EvidenceError(f'no answer: lab.answer("{question}", ...) did not run')
        return self.answers[question]

    def value(self, question: str) -> Any:
        """Return an answer that is one value; a list, row or table of exactly one value counts as that value."""
        answer = self.answer(question)
        while isinstance(answer, list | dict) and len(answer) == 1:
            (answer,) = answer.values() if isinstance(answer, dict) else answer
        return answer

    def counts(self, question: str) -> dict[str, Any]:
        """Return an answer that maps names to numbers: a dict, or rows or pairs of a name and a number."""
        answer = self.answer(question)
        if isinstance(answer, dict):
            return answer
        pairs = [list(row.values()) if isinstance(row, dict) else row for row in _listed(answer)]
        is_right = isinstance(answer, list) and all(_is_pair(pair) for pair in pairs)
        if not is_right:
            raise EvidenceError(f"the answer is not a dict of names and numbers, but {answer!r:.100}")
        if len({name for name, _ in pairs}) < len(pairs):
            raise EvidenceError(f"the answer contains a name twice: {answer!r:.100}")
        return dict(pairs)

    def table(self, question: str, *names: str) -> list[dict[str, Any]]:
        """Return an answer that is a list of rows with the given columns.

        A row without names (a tuple) has its values in the order of the names. One row alone, and a dict of
        columns, are accepted too.
        """
        answer = self.answer(question)
        if isinstance(answer, dict):
            answer = _rows_of(answer)
        elif _is_row(answer, names):
            answer = [answer]
        rows = [dict(zip(names, row, strict=True)) if _is_row(row, names) else row for row in _listed(answer)]
        if not isinstance(answer, list) or not all(isinstance(row, dict) for row in rows):
            columns = f"{', '.join(names[:-1])} and {names[-1]}"
            raise EvidenceError(f"the answer is not a list of rows with {columns}, but {answer!r:.100}")
        return rows

    def messages(self, topic: str | None = None) -> list[Message]:
        """Return all messages of a topic (by default the namespace's), by partition and offset; [] without one."""
        name = topic or self.namespace.topic
        return self.once("messages", name, lambda: list(_read_topic(name)))

    def events(self, topic: str | None = None) -> list[dict[str, Any]]:
        """Return the messages of a topic that are JSON objects."""
        return [event for event in (message.event for message in self.messages(topic)) if event is not None]

    def committed(self, group: str | None = None) -> dict[int, int]:
        """Return the offsets that a consumer group has committed for the namespace's topic, by partition."""
        name = group or self.namespace.group
        return self.once("committed", name, lambda: _committed(name, self.namespace.topic))

    def rows(self, path: str) -> list[dict[str, Any]]:
        """Return the rows of a Parquet file or folder; a relative path is below the namespace's folder."""
        return self.once("rows", path, lambda: self._guarded(path, self._read_rows))

    def columns(self, path: str) -> dict[str, str]:
        """Return the columns of all parts of a Parquet table and their types (see `parquet.type_name`).

        A column whose type differs between parts has all of them: `int32 or string`.
        """
        return self.once("columns", path, lambda: self._guarded(path, self._read_columns))

    def once(self, kind: str, name: str, read: Callable[[], T]) -> T:
        """Read something once for all checks, and return it."""
        if (kind, name) not in self._seen:
            self._seen[kind, name] = read()
        self.found.extend([self._seen[kind, name]] if self._seen[kind, name] else [])
        return self._seen[kind, name]

    def _absolute(self, path: str) -> str:
        full = path if path.startswith("/") else f"{self.namespace.folder}/{path}"
        return full.rstrip("/")

    def _files(self, path: str) -> list[File]:
        def walk(path: str) -> list[File]:
            found: list[File] = []
            for file in files.walk(self._absolute(path)):
                found.append(file)
                if len(found) > MAX_FILES:
                    raise EvidenceError(f"{self._absolute(path)} contains more than {MAX_FILES} files")
            return found

        return self.once("files", path, lambda: self._guarded(path, walk))

    def _parts(self, path: str) -> dict[str, bytes]:
        """Return the content of the files that Spark would read, by name."""
        found = [file for file in self._files(path) if parquet.is_part(file.path) and file.size]
        logs = [file.path for file in self._files(path) if parquet.is_sink_log(file.path)]
        if logs:  # the files of an interrupted batch of a stream are there, too, but not in its log
            read = (files.read(f"{self._absolute(path)}/{log}", MAX_BYTES) for log in logs)
            complete = {name for content in read for name in parquet.in_sink_log(content)}
            found = [file for file in found if file.path.rpartition("/")[2] in complete]
        if sum(file.size for file in found) > MAX_BYTES:
            raise EvidenceError(f"{self._absolute(path)} contains more than {MAX_BYTES:,} bytes")
        places = {file.path: f"{self._absolute(path)}/{file.path}".rstrip("/") for file in found}
        return self.once("parts", path, lambda: {n: files.read(place, MAX_BYTES) for n, place in places.items()})

    def _read_rows(self, path: str) -> list[dict[str, Any]]:
        budget = parquet.Budget(MAX_ROWS, MAX_BYTES)
        parts = self._parts(path)
        partitions = parquet.partitions(list(parts))
        return [
            row | partition
            for content, partition in zip(parts.values(), partitions, strict=True)
            for row in parquet.rows(content, budget)
        ]

    def _read_columns(self, path: str) -> dict[str, str]:
        parts = self._parts(path)
        if not parts:
            raise EvidenceError(f"{self._absolute(path)} contains no Parquet file")
        kinds: dict[str, set[str]] = {}
        for content in parts.values():
            for name, kind in parquet.columns(content).items():
                kinds.setdefault(name, set()).add(kind)
        partitions = parquet.partitions(list(parts))
        for name in {name: None for row in partitions for name in row}:
            kinds[name] = {parquet.partition_type_name([row.get(name) for row in partitions])}
        return {name: " or ".join(sorted(found)) for name, found in kinds.items()}

    def _guarded(self, path: str, read: Callable[[str], T]) -> T:
        try:
            return read(path)
        except FileError as error:
            raise EvidenceError(str(error)) from error
        except parquet.TooLarge as error:
            limits = f"{MAX_ROWS:,} rows or {MAX_BYTES:,} bytes"
            raise EvidenceError(f"{self._absolute(path)} contains more than {limits}") from error
        except (OSError, ValueError, KeyError, NotImplementedError) as error:  # pyarrow's are of these kinds
            raise EvidenceError(f"{path} cannot be read as Parquet: {error}") from error


def _listed(answer: Any) -> list[Any]:
    return answer if isinstance(answer, list) else []


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str)


def _is_row(value: Any, names: tuple[str, ...]) -> bool:
    """Return whether a value is a row without names: a list of as many numbers or strings."""
    return (
        isinstance(value, list)
        and len(value) == len(names)
        and not any(isinstance(item, list | dict) for item in value)
    )


def _rows_of(answer: dict[str, Any]) -> list[Any]:
    """Return the rows of a dict of columns (`DataFrame.to_dict()`); another dict is one row."""
    columns = [list(value.values()) if isinstance(value, dict) else value for value in answer.values()]
    if columns and all(isinstance(column, list) and len(column) == len(columns[0]) for column in columns):
        return [dict(zip(answer, row, strict=True)) for row in zip(*columns, strict=True)]
    return [answer]


def _read_topic(topic: str) -> Iterator[Message]:
    """Yield the topic's messages up to its current end; the limit counts keys and values."""
    size = count = 0
    try:
        for record in kafka.read_topic(settings.bootstrap_servers, topic):
            count += 1
            size += len(record.value or b"") + len(record.key or b"")
            if count > MAX_MESSAGES or size > MAX_BYTES:
                limits = f"{MAX_MESSAGES:,} messages or {MAX_BYTES:,} bytes"
                raise EvidenceError(f"{topic} contains more than {limits}")
            place = (record.partition, record.offset, record.timestamp)
            yield Message(*place, record.key, record.value or b"", tuple(record.headers or ()))
    except ServiceUnavailable as error:
        raise EvidenceError(f"topic {topic} could not be read to its end: {error.message}") from error


def _committed(group: str, topic: str) -> dict[int, int]:
    try:
        return kafka.committed_offsets(settings.bootstrap_servers, group, topic)
    except ServiceUnavailable as error:
        raise EvidenceError(f"the offsets of group {group} cannot be read: {error.message}") from error
