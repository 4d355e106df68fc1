"""A Parquet table is read as Spark reads it, whoever wrote it."""

import io
from datetime import date, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from eventlab.labs import parquet

PARTITIONS = {
    "text": (["host=a", "host=b"], "host", ["a", "b"], "string"),
    "int": (["coins=45", "coins=-120"], "coins", [45, -120], "int32"),
    "long": (["coins=4500000000"], "coins", [4_500_000_000], "int64"),
    "float": (["share=1", "share=0.5"], "share", [1.0, 0.5], "double"),
    "not a number": (["name=inf"], "name", ["inf"], "string"),
    "date": (["day=2025-01-01"], "day", [date(2025, 1, 1)], "date"),
    "time": (["at=2025-01-01 10%3A00%3A00"], "at", [datetime(2025, 1, 1, 10)], "timestamp"),
    "mixed": (["day=2025-01-01", "day=today"], "day", ["2025-01-01", "today"], "string"),
    "null": (["range_m=30", "range_m=__HIVE_DEFAULT_PARTITION__"], "range_m", [30, None], "int32"),
    "escaped": (["name=a%2Fb%3Dc"], "name", ["a/b=c"], "string"),
}
KINDS = {
    "string": (pa.string(), "string"),
    "large string": (pa.large_string(), "string"),
    "category": (pa.dictionary(pa.int32(), pa.string()), "string"),
    "int": (pa.int32(), "int32"),
    "decimal": (pa.decimal128(10, 2), "decimal"),
    "double": (pa.float64(), "double"),
    "nanoseconds": (pa.timestamp("ns"), "timestamp"),
    "with zone": (pa.timestamp("us", "UTC"), "timestamp"),
    "date": (pa.date32(), "date"),
}


def content(table, **options):
    buffer = io.BytesIO()
    pq.write_table(table, buffer, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(("folders", "name", "values", "kind"), PARTITIONS.values(), ids=PARTITIONS)
def test_a_partition_folder_is_a_column(folders, name, values, kind):
    found = parquet.partitions([f"{folder}/part-0.parquet" for folder in folders])

    assert [row[name] for row in found] == values
    assert parquet.partition_type_name(values) == kind


def test_several_levels_of_folders_are_several_columns():
    assert parquet.partitions(["day=2025-01-01/host=a/b.parquet"]) == [{"day": date(2025, 1, 1), "host": "a"}]
    assert parquet.partitions(["b.parquet"]) == [{}]


@pytest.mark.parametrize(("arrow_type", "kind"), KINDS.values(), ids=KINDS)
def test_types_have_names_without_details(arrow_type, kind):
    assert parquet.columns(content(pa.table({"a": pa.array([], arrow_type)}))) == {"a": kind}


@pytest.mark.parametrize("compression", ["none", "snappy", "gzip", "zstd", "lz4", "brotli"])
def test_each_compression_is_read(compression):
    table = pa.table({"coins": [Decimal("1.50"), None]})

    rows = list(parquet.rows(content(table, compression=compression), parquet.Budget(10, 10_000)))

    assert rows == [{"coins": Decimal("1.50")}, {"coins": None}]


@pytest.mark.parametrize("budget", [parquet.Budget(2, 10_000), parquet.Budget(10, 4)], ids=["rows", "bytes"])
def test_more_than_the_budget_is_an_error(budget):
    with pytest.raises(parquet.TooLarge):
        list(parquet.rows(content(pa.table({"a": [1, 2, 3]})), budget))


@pytest.mark.parametrize(
    ("path", "read"),
    [
        *[(path, True) for path in ("a.parquet", "day=1/a", "_day=1/a.parquet", "")],
        *[(path, False) for path in ("_SUCCESS", ".a.crc", "_temporary/0/a")],
    ],
)
def test_hidden_files_are_not_read(path, read):
    assert parquet.is_part(path) == read


SINK_LOG = b"""v1
{"path":"hdfs://127.0.0.1:9000/tmp/day%3D1/part-0-a.parquet","size":10,"isDir":false,"action":"add"}
{"path":"hdfs://127.0.0.1:9000/tmp/part-0-b.parquet","size":10,"isDir":false,"action":"add"}
"""


@pytest.mark.parametrize("name", ["0", "17", "9.compact"])
def test_the_log_of_a_streams_sink_names_the_files_of_complete_batches(name):
    assert parquet.is_sink_log(f"_spark_metadata/{name}")
    assert not parquet.is_sink_log(f"table/_spark_metadata/{name}")
    assert list(parquet.in_sink_log(SINK_LOG)) == ["part-0-a.parquet", "part-0-b.parquet"]


@pytest.mark.parametrize("line", [b"{", b"[]", b'{"path": 1}', b"\xff"])
def test_a_sink_log_that_is_none_is_an_error(line):
    with pytest.raises(ValueError):
        list(parquet.in_sink_log(b"v1\n" + line))
