"""What arrived, read from outside: all of it, only of the place that was asked, and never without a bound."""

import io
import json
from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from eventlab.labs import evidence as module
from eventlab.labs import files, inputs
from eventlab.labs.answers import plain
from eventlab.labs.evidence import Evidence, EvidenceError
from eventlab.labs.inputs import Outgoing
from eventlab.labs.names import Namespace


@pytest.fixture
def place(stack):
    """A namespace of its own, cleared afterwards."""
    names = Namespace.random("test")
    try:
        yield names
    finally:
        inputs.clear(names)


@pytest.fixture
def evidence(place):
    return Evidence(place, 1)


def parquet(table, **options):
    buffer = io.BytesIO()
    pq.write_table(table, buffer, **options)
    return buffer.getvalue()


def test_messages_come_back_as_they_were_sent(evidence, place):
    sent = [
        Outgoing(b'{"a": 1}', 1_735_689_600_000, b"k"),
        Outgoing(b"not json"),
        Outgoing(None, None, b"k"),
        Outgoing(b"[1]"),
    ]
    inputs.send(place.topic, sent)

    found = evidence.messages()

    assert [message.value for message in found] == [b'{"a": 1}', b"not json", b"", b"[1]"]
    assert (found[0].partition, found[0].offset, found[0].timestamp_ms) == (0, 0, 1_735_689_600_000)
    assert found[0].key == b"k"
    assert evidence.events() == [{"a": 1}]


def test_a_topic_with_several_partitions_is_read_whole(evidence, place):
    inputs.send(place.topic, [Outgoing(b"%d" % n, key=b"%d" % n) for n in range(50)], partitions=3)

    assert sorted(int(message.value) for message in evidence.messages()) == list(range(50))


def test_a_topic_that_is_not_there_holds_no_message_and_is_not_created(evidence, place):
    assert evidence.messages(place.topic_of("nothing")) == []
    assert not inputs.has_topic(place.topic_of("nothing"))


def test_more_messages_than_the_bound_are_an_error(evidence, place, monkeypatch):
    monkeypatch.setattr(module, "MAX_MESSAGES", 9)
    inputs.send(place.topic, [Outgoing(b"x")] * 10)

    with pytest.raises(EvidenceError, match="more than 9 messages"):
        evidence.messages()


def test_committed_offsets_are_those_of_the_group_and_the_topic(evidence, place):
    from kafka import KafkaConsumer, TopicPartition

    inputs.send(place.topic, [Outgoing(b"x")] * 5)
    assert evidence.committed() == {}

    consumer = KafkaConsumer(group_id=place.group, bootstrap_servers=module.settings.bootstrap_servers)
    consumer.assign([TopicPartition(place.topic, 0)])
    consumer.seek(TopicPartition(place.topic, 0), 3)
    consumer.commit()
    consumer.close()

    later = Evidence(place, 1)
    assert later.committed() == {0: 3}
    assert later.committed("nobody") == {}


def test_rows_of_all_parts_and_their_columns_come_back(evidence, place):
    files.write_table(f"{place.folder}/t", pa.table({"host": ["a"], "coins": pa.array([1], pa.int32())}))
    more = parquet(pa.table({"host": ["b"], "coins": pa.array([2], pa.int32())}))
    files.write(f"{place.folder}/t/part-00001.snappy.parquet", more)
    files.write(f"{place.folder}/t/_temporary/0/part-00002.parquet", more)

    assert evidence.rows("t") == [{"host": "a", "coins": 1}, {"host": "b", "coins": 2}]
    assert evidence.columns("t") == {"host": "string", "coins": "int32"}


def test_a_partitions_column_is_in_its_folders_name(evidence, place):
    files.write_table(f"{place.folder}/t/host=a", pa.table({"coins": [1]}))

    assert evidence.rows("t") == [{"coins": 1, "host": "a"}]


def test_the_columns_are_those_of_all_parts(evidence, place):
    files.write(f"{place.folder}/t/a.parquet", parquet(pa.table({"coins": [1]})))
    files.write(f"{place.folder}/t/b.parquet", parquet(pa.table({"coins": ["1"], "host": ["a"]})))

    assert evidence.columns("t") == {"coins": "int64 or string", "host": "string"}


def test_a_single_file_is_a_table_too(evidence, place):
    files.write(f"{place.folder}/t", parquet(pa.table({"coins": [1]}), compression="zstd"))
    files.write(f"{place.folder}/u.parquet", parquet(pa.table({"coins": [2]}), compression="gzip"))

    assert evidence.rows("t") + evidence.rows("u.parquet") == [{"coins": 1}, {"coins": 2}]
    assert evidence.columns("t") == {"coins": "int64"}


def test_what_spark_wrote_is_read(evidence, place, stack):
    from pyspark.sql import SparkSession

    spark = SparkSession.builder.getOrCreate()
    try:
        rows = spark.sql(
            "select 'a' as host, 7 as coins, timestamp '2025-01-01 00:00:00' as at, date '2025-01-01' as day "
            "union all select null, 8, null, null order by coins"
        )
        rows.write.parquet(f"{place.folder}/t")
        rows.repartition(3).write.option("compression", "gzip").parquet(f"{place.folder}/gzip")
        rows.write.partitionBy("day", "host").parquet(f"{place.folder}/parts")
        answer = plain(rows)
    finally:
        spark.stop()

    assert answer == [
        {"host": "a", "coins": 7, "at": "2025-01-01T00:00:00", "day": "2025-01-01"},
        {"host": None, "coins": 8, "at": None, "day": None},
    ]
    for path in ("t", "gzip", "parts"):
        first, last = sorted(evidence.rows(path), key=lambda row: row["coins"])
        assert evidence.columns(path) == {"host": "string", "coins": "int32", "at": "timestamp", "day": "date"}
        assert (first["host"], first["coins"], first["day"]) == ("a", 7, date(2025, 1, 1))
        assert first["at"].isoformat()[:19] == "2025-01-01T00:00:00"
        assert (last["host"], last["day"]) == (None, None)


def test_a_folder_that_is_not_there_is_an_error_that_names_it(evidence, place):
    with pytest.raises(EvidenceError, match=f"HDFS has no {place.folder}/t"):
        evidence.rows("t")


def test_a_file_that_is_no_parquet_is_an_error(evidence, place):
    files.write(f"{place.folder}/t/part-00000.parquet", b"PAR1 not really PAR1")

    for read in (evidence.rows, evidence.columns):
        with pytest.raises(EvidenceError, match="cannot be read as Parquet"):
            read("t")


def test_a_folder_without_parquet_has_no_rows_and_no_schema(evidence, place):
    files.write(f"{place.folder}/t/_SUCCESS", b"")

    assert evidence.rows("t") == []
    with pytest.raises(EvidenceError, match="no Parquet file"):
        evidence.columns("t")


def test_more_rows_than_the_bound_are_an_error(evidence, place, monkeypatch):
    monkeypatch.setattr(module, "MAX_ROWS", 1000)
    files.write_table(f"{place.folder}/t", pa.table({"n": list(range(1001))}))

    with pytest.raises(EvidenceError, match="more than 1,000 rows"):
        evidence.rows("t")


def test_a_small_file_that_unpacks_to_much_is_an_error(evidence, place):
    big = pa.table({"text": ["x" * 100_000] * 2000})  # 200 MB, a few hundred bytes as a dictionary
    content = parquet(big)
    assert len(content) < 100_000
    files.write(f"{place.folder}/t/part-00000.parquet", content)

    with pytest.raises(EvidenceError, match="bytes"):
        evidence.rows("t")


def test_clearing_takes_the_topics_the_folder_and_the_groups_and_nobody_elses(place):
    inputs.send(place.topic, [Outgoing(b"x")])
    inputs.send(f"{place.prefix}2-events", [Outgoing(b"x")])
    files.write(f"{place.folder}/a", b"")

    inputs.clear(place)

    assert not inputs.has_topic(place.topic)
    assert inputs.has_topic(f"{place.prefix}2-events")
    with pytest.raises(EvidenceError, match="HDFS has no"):
        Evidence(place, 1).rows("")
    inputs.clear(Namespace.of(f"{place.prefix}2"))


def test_a_message_whose_json_is_deep_is_no_event():
    deep = module.Message(0, 0, 0, None, b"[" * 100_000)

    assert deep.event is None
    assert module.Message(0, 0, 0, None, json.dumps({"a": 1}).encode()).event == {"a": 1}
