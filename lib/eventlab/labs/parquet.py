"""Read a Parquet table as Spark does: one file or several parts, compressed or not, with partition folders."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    import pyarrow

ROWS_PER_BATCH = 128
"""Few, because a value of each row may be short in the compressed file and long in memory."""
NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
"""Name of the partition folder for NULL: `day=__HIVE_DEFAULT_PARTITION__`."""


class TooLarge(ValueError):
    """A table has more rows or bytes than are read."""


@dataclass
class Budget:
    """The rows and uncompressed bytes of a table that may still be read."""

    rows: int
    size: int

    def spend(self, rows: int, size: int) -> None:
        """Subtract what was read, and raise TooLarge when nothing is left."""
        self.rows, self.size = self.rows - rows, self.size - size
        if self.rows < 0 or self.size < 0:
            raise TooLarge


def is_part(path: str) -> bool:
    """Return whether Spark reads the file: names that start with _ or a dot are hidden."""
    return not any(part.startswith(("_", ".")) and "=" not in part for part in path.split("/"))


def is_sink_log(path: str) -> bool:
    """Return whether the file lists what a streaming query has written: `_spark_metadata/7`, or `6.compact`."""
    folder, _, name = path.partition("/")
    return folder == "_spark_metadata" and name.removesuffix(".compact").isdigit()


def in_sink_log(content: bytes) -> Iterator[str]:
    """Yield the names of the data files of complete batches; each has a random part and occurs once.

    Raises:
        ValueError: It is not such a log.
    """
    for line in content.decode().splitlines()[1:]:
        entry = json.loads(line)
        if not isinstance(entry, dict) or not isinstance(entry.get("path"), str):
            raise ValueError("_spark_metadata has a line that is not the name of a file")
        yield unquote(entry["path"]).rpartition("/")[2]


def rows(content: bytes, budget: Budget) -> Iterator[dict[str, Any]]:
    """Yield the rows of one file in small batches."""
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(io.BytesIO(content)) as file:
        if file.metadata.num_rows > budget.rows:
            raise TooLarge
        for batch in file.iter_batches(batch_size=ROWS_PER_BATCH, use_threads=False):
            budget.spend(batch.num_rows, batch.nbytes)
            yield from batch.to_pylist()


def columns(content: bytes) -> dict[str, str]:
    """Return the columns of one file and their types, named as `type_name` does."""
    import pyarrow.parquet

    return {column.name: type_name(column.type) for column in pyarrow.parquet.read_schema(io.BytesIO(content))}


def type_name(arrow_type: pyarrow.DataType) -> str:
    """Return the name of a type without details that writers choose: `string`, `timestamp`, `int32`."""
    import pyarrow as pa

    types = pa.types
    if types.is_dictionary(arrow_type):
        return type_name(arrow_type.value_type)
    if types.is_string(arrow_type) or types.is_large_string(arrow_type) or types.is_string_view(arrow_type):
        return "string"
    if types.is_timestamp(arrow_type):
        return "timestamp"
    if types.is_date(arrow_type):
        return "date"
    return "decimal" if types.is_decimal(arrow_type) else str(arrow_type)


def partitions(paths: Sequence[str]) -> list[dict[str, Any]]:
    """Return for each path the columns that its folders name, for example `day=2025-01-01/part-0.parquet`.

    The values of a column have the first type that fits them all: int, float, date, timestamp, else text.
    https://spark.apache.org/docs/latest/sql-data-sources-parquet.html#partition-discovery
    """
    found: list[dict[str, Any]] = [
        {name: value for part in path.split("/")[:-1] if "=" in part for name, value in [part.split("=", 1)]}
        for path in paths
    ]
    for name in {name: None for row in found for name in row}:
        texts = [None if row[name] == NO_VALUE else unquote(row[name]) for row in found if name in row]
        read = _reader([text for text in texts if text is not None])
        for row in found:
            if name in row:
                row[name] = None if row[name] == NO_VALUE else read(unquote(row[name]))
    return found


def partition_type_name(values: Sequence[Any]) -> str:
    """Return the type of a partition column, named as `type_name` does."""
    first = next((value for value in values if value is not None), "")
    if isinstance(first, int):
        return "int32" if all(abs(value or 0) < 2**31 for value in values) else "int64"
    names = {float: "double", datetime: "timestamp", date: "date"}
    return names.get(type(first), "string")


def _reader(texts: Sequence[str]) -> Any:
    """Return the first function of int, float, date, timestamp and string that can read all the texts."""
    for read in (int, float, date.fromisoformat, datetime.fromisoformat):
        try:
            for text in texts:
                if read in (int, float) and not text.strip("+-.0123456789eE") == "":
                    raise ValueError
                read(text)
        except ValueError:
            continue
        return read
    return str
