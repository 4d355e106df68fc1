"""Extracting events: columns by name, broken messages counted."""

import json

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from eventlab.jobs import just_filtering
from eventlab.jobs.extract import extract_events, extract_in_one_pass, field_column_name
from eventlab.jobs.topic import JobError
from tests.jobs.helpers import KNIFE, SWORD, overwrite


def test_a_field_with_the_name_of_kafkas_timestamp_gets_another_name():
    assert field_column_name("timestamp") == field_column_name("Timestamp") == "timestamp_in_event"


def test_only_sword_purchases_are_kept(spark, topic, send):
    send(SWORD, KNIFE, SWORD)

    assert just_filtering.sword_purchases(extract_events(spark, topic)).count() == 2


def test_fields_are_found_by_name_in_any_order(spark, topic, send):
    send(KNIFE, dict(reversed(KNIFE.items())))

    rows = extract_events(spark, topic).select("description", "event_type", "Host").distinct().collect()

    assert [tuple(row) for row in rows] == [("very sharp knife", "purchase_knife", "user2.att.com")]


def test_several_schemas_share_a_topic_and_an_absent_field_is_null(spark, topic, send):
    send(SWORD, KNIFE)

    events = extract_events(spark, topic)

    assert events.columns == ["Host", "description", "event_type", "timestamp"]
    assert [row.description for row in events.orderBy("event_type").collect()] == ["very sharp knife", None]


def test_fields_that_differ_in_case_are_one_column(spark, topic, send, folder):
    send({"Host": "a", "event_type": "x"}, {"host": "b", "event_type": "x"})

    overwrite(spark, extract_events(spark, topic), folder)

    assert sorted(row.Host for row in spark.read.parquet(folder).collect()) == ["a", "b"]


def test_columns_of_the_kit_do_not_hide_fields_with_the_same_names(spark, topic, send):
    send({"timestamp": "field", "timestamp_in_event": "the event's", "": "nameless", "_": "underscore"})

    row = extract_events(spark, topic).collect()[0].asDict()

    assert row.pop("timestamp") != "field"
    assert row == {
        "timestamp_in_event_": "field",
        "timestamp_in_event": "the event's",
        "__": "nameless",
        "_": "underscore",
    }


def columns_and_rows(events):
    """Return the columns and the sorted rows."""
    return events.columns, sorted(map(tuple, events.collect()), key=str)


@pytest.mark.parametrize(
    "rare",
    [
        pytest.param({"event_type": "rare", "only_here": "1"}, id="a field that no sample shows"),
        pytest.param(b'{"event_type": "first", "Host": "a", "event_type": "last"}', id="a key twice"),
        pytest.param({"Event_Type": "x"}, id="a name in other letters"),
        pytest.param(b"not json", id="a message that is no event"),
        pytest.param({"event_type": "purchase_sword", "Host": None}, id="a field that is null"),
    ],
)
def test_one_pass_has_the_result_of_two(spark, topic, send, rare, capsys):
    common = [SWORD] * 250
    send(*common, rare, *common)

    two = columns_and_rows(extract_events(spark, topic))
    warning = capsys.readouterr().err
    one = extract_in_one_pass(spark, topic, columns_and_rows)

    assert one == two
    assert capsys.readouterr().err == warning
    assert len(two[1]) == len(common) * 2 + isinstance(rare, dict | bytes) - (rare == b"not json")


def test_a_topic_is_read_once_if_the_sample_has_all_fields(spark, topic, send):
    send(SWORD, KNIFE)
    runs = []

    extract_in_one_pass(spark, topic, lambda events: runs.append(events.count()))

    assert runs == [2]


def test_messages_that_are_not_json_objects_are_counted(spark, topic, send, capsys):
    send(SWORD, b"not json", b'{"a": 1} and more', b'{"a": 1},{}] more', b"[1]", b"null", b"\xff", None, b"")

    assert extract_events(spark, topic).count() == 1
    assert "8 of 9 messages are not JSON objects" in capsys.readouterr().err


def test_a_missing_topic_is_a_clear_error(spark, stack):
    with pytest.raises(JobError, match="there is no topic 'no-such-topic'"):
        extract_events(spark, "no-such-topic")


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=8)


OBJECTS = st.dictionaries(st.sampled_from(["a", "b", "User-Agent", "x y", "é"]), TEXT, min_size=1, max_size=4)


BROKEN = st.one_of(
    st.binary(max_size=12).filter(lambda raw: b"{" not in raw),
    OBJECTS.map(lambda fields: json.dumps(fields).encode()[:-1]),
    OBJECTS.map(lambda fields: json.dumps(fields).encode() + b" x"),
    OBJECTS.map(lambda fields: json.dumps([fields]).encode()),
    OBJECTS.map(lambda fields: json.dumps(fields).encode() + b"," + json.dumps(fields).encode()),
    OBJECTS.map(lambda fields: json.dumps(fields).encode() + b",{}] and what else there is"),
    OBJECTS.map(lambda fields: json.dumps(fields).encode() + b',{"end-": 1}]'),
)


@hypothesis_settings(max_examples=3, suppress_health_check=list(HealthCheck))
@given(good=st.lists(OBJECTS, min_size=40, max_size=80), broken=st.lists(BROKEN, min_size=40, max_size=80))
def test_each_message_is_a_row_or_counted_as_broken(spark, good, broken):
    from pyspark.sql import Row
    from pyspark.sql import functions as F
    from pyspark.sql.types import StringType, StructField, StructType

    from eventlab.jobs import extract

    rows = [Row(number=n, value=bytearray(json.dumps(fields).encode())) for n, fields in enumerate(good)]
    rows += [Row(number=-1, value=bytearray(raw)) for raw in broken]
    messages = spark.createDataFrame(rows, "number int, value binary")

    fields, left_out = extract.field_names_and_broken_count(messages)
    event = extract.parsed(StructType([StructField(name, StringType()) for name in fields])).alias("event")
    read = messages.select("number", event).where(extract.is_object())
    rows_read = read.select("number", *extract.field_columns(fields)).orderBy(F.col("number")).collect()

    assert left_out == len(broken)
    assert [row["number"] for row in rows_read] == list(range(len(good)))
    assert [
        {k: v for k, v in row.asDict().items() if k != "number" and v is not None} for row in rows_read
    ] == good
