"""What a check reads: results in Kafka and on HDFS, never the student's variables.

The student may have left anything, so every read has a limit, and anything unexpected is
an EvidenceError whose message says what was found.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from eventlab.clients import kafka
from eventlab.errors import EventlabError, ServiceUnavailable
from eventlab.labs.files import MOST_FILES, File, FileError, read, walk
from eventlab.labs.names import Namespace
from eventlab.settings import settings

if TYPE_CHECKING:
    import pyarrow

MOST_MESSAGES = 50_000
MOST_BYTES = 16 * 1024 * 1024
MOST_ROWS = 50_000
ROWS_A_BATCH = 128
"""Few, because every row may contain one long value that is compressed in the file."""


class EvidenceError(EventlabError):
    """What a check asked for does not exist or is not of the expected kind."""


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
        try:
            event = json.loads(self.value)
        except (ValueError, RecursionError):
            return None
        return event if isinstance(event, dict) else None


@dataclass(frozen=True)
class Evidence:
    """What a submission left in its namespace, and the answers that its notebook declared.

    Attributes:
        sources: The student's cells by question.
        files: Files that the notebook wrote into its folder, by name.
    """

    namespace: Namespace
    seed: int
    answers: Mapping[str, Any] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    _seen: dict[tuple[str, str], Any] = field(default_factory=dict, repr=False, compare=False)

    def answer(self, question: str) -> Any:
        """Return the value that the notebook declared with `lab.answer(question, value)`."""
        if question not in self.answers:
            raise EvidenceError(f'no answer: lab.answer("{question}", ...) did not run')
        return self.answers[question]

    def messages(self, topic: str | None = None) -> list[Message]:
        """Return all messages of a topic (by default the namespace's), by partition and offset; [] without one."""
        name = topic or self.namespace.topic
        return self._once("messages", name, lambda: list(_read_topic(name)))

    def events(self, topic: str | None = None) -> list[dict[str, Any]]:
        """Return the messages of a topic that are JSON objects."""
        return [event for event in (message.event for message in self.messages(topic)) if event is not None]

    def committed(self, group: str | None = None) -> dict[int, int]:
        """Return the offsets that a consumer group has committed for the namespace's topic, by partition."""
        return _committed(group or self.namespace.group, self.namespace.topic)

    def rows(self, path: str) -> list[dict[str, Any]]:
        """Return the rows of a Parquet folder; a relative path is below the namespace's folder."""
        return self._once("rows", path, lambda: list(self._read_rows(path)))

    def schema(self, path: str) -> pyarrow.Schema:
        """Return the schema of a Parquet folder: that of its first part."""
        import pyarrow.parquet

        parts = self._parts(path)
        if not parts:
            raise EvidenceError(f"{self._absolute(path)} holds no Parquet file")
        return _guarded(path, lambda: pyarrow.parquet.read_schema(self._open(path, parts[0])))

    def columns(self, path: str) -> dict[str, str]:
        """Return the columns of a Parquet folder and their Arrow types, in order."""
        return {column.name: str(column.type) for column in self.schema(path)}

    def exists(self, path: str) -> bool:
        """Return whether the folder exists."""
        try:
            return self.listing(path) is not None
        except EvidenceError:
            return False

    def listing(self, path: str) -> list[str]:
        """Return the files in and below a folder, by name."""
        return [file.path for file in self._files(path)]

    def _absolute(self, path: str) -> str:
        full = path if path.startswith("/") else f"{self.namespace.folder}/{path}"
        return full.rstrip("/")

    def _files(self, path: str) -> list[File]:
        def look() -> list[File]:
            found = []
            for file in walk(self._absolute(path)):
                found.append(file)
                if len(found) > MOST_FILES:
                    raise EvidenceError(f"{self._absolute(path)} holds more than {MOST_FILES} files")
            return found

        return self._once("files", path, lambda: _guarded(path, look))

    def _parts(self, path: str) -> list[str]:
        """Return the Parquet files that Spark would read, without names that start with _ or a dot."""
        found = [
            file for file in self._files(path) if not _is_hidden(file.path) and file.path.endswith(".parquet")
        ]
        if sum(file.size for file in found) > MOST_BYTES:
            raise EvidenceError(f"{self._absolute(path)} holds more than {MOST_BYTES:,} bytes")
        return [file.path for file in found]

    def _open(self, path: str, name: str) -> io.BytesIO:
        return io.BytesIO(read(f"{self._absolute(path)}/{name}", MOST_BYTES))

    def _read_rows(self, path: str) -> Iterator[dict[str, Any]]:
        budget = _Budget(self._absolute(path))
        for name in self._parts(path):
            partition = dict(part.split("=", 1) for part in name.split("/")[:-1] if "=" in part)
            batch = _guarded(path, lambda name=name: list(_batches(self._open(path, name), budget)))
            yield from (row | partition for row in batch)

    def _once(self, kind: str, name: str, look: Any) -> Any:
        """Read each thing once for all checks."""
        if (kind, name) not in self._seen:
            self._seen[kind, name] = look()
        return self._seen[kind, name]


@dataclass
class _Budget:
    """How much of one folder was read."""

    path: str
    rows: int = 0
    size: int = 0

    def spend(self, rows: int, size: int) -> None:
        self.rows, self.size = self.rows + rows, self.size + size
        if self.rows > MOST_ROWS or self.size > MOST_BYTES:
            raise EvidenceError(f"{self.path} holds more than {MOST_ROWS:,} rows or {MOST_BYTES:,} bytes")


def _batches(source: io.BytesIO, budget: _Budget) -> Iterator[dict[str, Any]]:
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(source) as file:
        if file.metadata.num_rows > MOST_ROWS:
            budget.spend(file.metadata.num_rows, 0)
        for batch in file.iter_batches(batch_size=ROWS_A_BATCH, use_threads=False):
            budget.spend(batch.num_rows, batch.nbytes)
            yield from batch.to_pylist()


def _guarded(path: str, look: Any) -> Any:
    try:
        return look()
    except FileError as error:
        raise EvidenceError(str(error)) from error
    except (OSError, ValueError, KeyError, NotImplementedError) as error:  # pyarrow's are of these kinds
        raise EvidenceError(f"{path} can't be read as Parquet: {error}") from error


def _is_hidden(path: str) -> bool:
    return any(part.startswith(("_", ".")) and "=" not in part for part in path.split("/"))


def _read_topic(topic: str) -> Iterator[Message]:
    """Yield the topic's messages up to its current end; the limit counts keys and values."""
    size = count = 0
    try:
        for record in kafka.read_topic(settings.bootstrap_servers, topic):
            count += 1
            size += len(record.value or b"") + len(record.key or b"")
            if count > MOST_MESSAGES or size > MOST_BYTES:
                raise EvidenceError(f"{topic} holds more than {MOST_MESSAGES:,} messages or {MOST_BYTES:,} bytes")
            place = (record.partition, record.offset, record.timestamp)
            yield Message(*place, record.key, record.value or b"", tuple(record.headers or ()))
    except ServiceUnavailable as error:
        raise EvidenceError(f"topic {topic} could not be read to its end: {error.message}") from error


def _committed(group: str, topic: str) -> dict[int, int]:
    try:
        return kafka.committed_offsets(settings.bootstrap_servers, group, topic)
    except ServiceUnavailable as error:
        raise EvidenceError(f"the offsets of group {group} can't be read: {error.message}") from error
