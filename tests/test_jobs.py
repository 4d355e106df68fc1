"""The Spark jobs on real topics: by name, whatever the messages are, and nothing is lost on the way."""

import json
import subprocess

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from eventlab.clients.hdfs import HdfsError
from eventlab.jobs import filtered_writes, just_filtering, separate_events
from eventlab.jobs.extract import column_name, extract_events, extract_in_one_pass, survey
from eventlab.jobs.output import replacing
from eventlab.jobs.topic import JobError
from eventlab.settings import ROOT
from eventlab.stack import filesystem

SWORD = {"event_type": "purchase_sword", "Host": "user1.comcast.com"}
KNIFE = {"event_type": "purchase_knife", "Host": "user2.att.com", "description": "very sharp knife"}


@pytest.fixture(scope="module")
def spark(stack):
    from pyspark.sql import SparkSession

    session = SparkSession.builder.getOrCreate()
    yield session
    session.stop()


@pytest.fixture
def send(stack, topic):
    """Send messages (dicts as JSON, bytes and None as they are) to the test's topic."""
    from kafka import KafkaProducer

    def send_all(*messages):
        producer = KafkaProducer(bootstrap_servers=stack.bootstrap_servers)
        for message in messages:
            value = json.dumps(message).encode() if isinstance(message, dict) else message
            producer.send(topic, value, key=b"key")
        producer.flush()
        producer.close()

    return send_all


def overwrite(spark, rows, path):
    """Put the rows at `path` as the jobs do."""
    with replacing(spark, path) as complete:
        rows.write.parquet(complete)


@pytest.fixture
def folder(topic):
    """A folder of HDFS that no other test uses."""
    yield f"/tmp/{topic}"
    filesystem.delete(f"/tmp/{topic}")


def test_kafkas_time_keeps_its_name_when_an_event_has_a_timestamp_too():
    assert column_name("timestamp") == column_name("Timestamp") == "timestamp_in_event"


def test_only_sword_purchases_are_kept(spark, topic, send):
    send(SWORD, KNIFE, SWORD)

    assert just_filtering.sword_purchases(extract_events(spark, topic)).count() == 2


def test_fields_are_found_by_name_in_whatever_order_they_come(spark, topic, send):
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


def test_names_of_our_own_make_way_for_fields_that_have_them_too(spark, topic, send):
    send({"timestamp": "own", "timestamp_in_event": "the event's", "": "nameless", "_": "underscore"})

    row = extract_events(spark, topic).collect()[0].asDict()

    assert row.pop("timestamp") != "own"
    assert row == {
        "timestamp_in_event_": "own",
        "timestamp_in_event": "the event's",
        "__": "nameless",
        "_": "underscore",
    }


def columns_and_rows(events):
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
def test_one_pass_finds_what_two_find(spark, topic, send, rare, capsys):
    common = [SWORD] * 250
    send(*common, rare, *common)

    two = columns_and_rows(extract_events(spark, topic))
    told = capsys.readouterr().err
    one = extract_in_one_pass(spark, topic, columns_and_rows)

    assert one == two
    assert capsys.readouterr().err == told
    assert len(two[1]) == len(common) * 2 + isinstance(rare, dict | bytes) - (rare == b"not json")


def test_a_topic_is_read_once_where_a_sample_shows_every_field(spark, topic, send):
    send(SWORD, KNIFE)
    runs = []

    extract_in_one_pass(spark, topic, lambda events: runs.append(events.count()))

    assert runs == [2]


def test_messages_that_are_no_json_objects_are_counted_and_named(spark, topic, send, capsys):
    send(SWORD, b"not json", b'{"a": 1} and more', b'{"a": 1},{}] more', b"[1]", b"null", b"\xff", None, b"")

    assert extract_events(spark, topic).count() == 1
    assert "8 of 9 messages are not JSON objects" in capsys.readouterr().err


def test_a_missing_topic_is_a_clear_error(spark, stack):
    with pytest.raises(JobError, match="there is no topic 'nobody-made-it'"):
        extract_events(spark, "nobody-made-it")


def test_an_empty_topic_leaves_earlier_output_as_it_was(spark, topic, send, folder):
    overwrite(spark, spark.range(3), folder)

    with pytest.raises(JobError, match="is empty"):
        filtered_writes.run(spark, topic, folder)
    assert spark.read.parquet(folder).count() == 3


def test_a_topic_without_purchases_leaves_earlier_output_as_it_was(spark, topic, send, folder):
    overwrite(spark, spark.range(3), folder)
    send(KNIFE)

    with pytest.raises(JobError, match="is unchanged"):
        filtered_writes.run(spark, topic, folder)
    assert spark.read.parquet(folder).count() == 3


def test_a_write_that_fails_half_way_leaves_earlier_output_as_it_was(spark, folder):
    overwrite(spark, spark.range(3), folder)
    bad = spark.range(1000).selectExpr("if(id = 999, raise_error('half way'), id) as id")

    with pytest.raises(Exception, match="half way"):
        overwrite(spark, bad, folder)
    assert spark.read.parquet(folder).count() == 3
    assert filesystem.names("/tmp").count(folder.removeprefix("/tmp/")) == 1
    assert not [name for name in filesystem.names("/tmp") if name.endswith((".new", ".old"))]


def test_writing_again_replaces_what_was_there(spark, topic, send, folder):
    send(SWORD, SWORD)

    filtered_writes.run(spark, topic, folder)
    filtered_writes.run(spark, topic, folder)

    assert spark.read.parquet(folder).count() == 2
    assert "_SUCCESS" in filesystem.names(folder)


def test_another_file_system_is_written_to_the_same_way(spark, topic, send, tmp_path, capsys):
    path = f"file://{tmp_path}/purchases"
    send(SWORD, SWORD)

    filtered_writes.run(spark, topic, path)
    filtered_writes.run(spark, topic, path)

    assert f"2 sword purchases are at {path}" in capsys.readouterr().out
    assert [name for name in filesystem.names(f"file://{tmp_path}") if not name.startswith(".")] == ["purchases"]


def test_hdfs_may_be_named_in_full(spark, stack, topic, send, folder):
    send(SWORD)

    filtered_writes.run(spark, topic, f"{stack.default_fs}{folder}")

    assert "_SUCCESS" in filesystem.names(folder)


def test_what_can_not_be_replaced_stays_as_it_was(spark, folder):
    overwrite(spark, spark.range(3), folder)

    with pytest.raises(HdfsError, match="is unchanged"):
        filesystem.replace(f"{folder}-not-there", folder)
    assert spark.read.parquet(folder).count() == 3


def test_every_event_type_gets_a_folder_with_its_own_fields(spark, topic, send, folder):
    send(SWORD, KNIFE, SWORD)

    separate_events.run(spark, topic, folder)

    assert filesystem.names(folder) == ["purchase_knife", "purchase_sword"]
    assert spark.read.parquet(f"{folder}/purchase_sword").columns == ["Host", "event_type", "timestamp"]
    assert spark.read.parquet(f"{folder}/purchase_knife").count() == 1


def test_no_two_event_types_share_a_folder_and_none_is_lost(spark, topic, send, folder, capsys):
    types = ["a b", "a/b", "a_b", "", "..", ".hidden", "_hidden", "{a,b}", "x" * 300, "x" * 301, "%61", "a"]
    send(*({"event_type": name} for name in types), {"Host": "no type"})

    separate_events.run(spark, topic, folder)

    written = {name: spark.read.parquet(f"{folder}/{name}").collect() for name in filesystem.names(folder)}
    assert sorted(row.event_type for rows in written.values() for row in rows) == sorted(types)
    assert len(written) == len(types)
    assert "1 events have no event_type and were left out" in capsys.readouterr().err
    assert [name for name in filesystem.names("/tmp") if name.startswith(topic)] == [topic]


def test_fields_with_any_name_are_columns(spark, topic, send, folder):
    names = ["User-Agent", "a.b", "back`tick", "a b", "(x)", "k=v", "a,b;{c}", "tab\t", "é"]
    send({"event_type": "odd"} | {name: name for name in names})

    separate_events.run(spark, topic, folder)

    row = spark.read.parquet(f"{folder}/odd").collect()[0].asDict()
    assert {name: row[name] for name in names} == {name: name for name in names}


def test_the_job_as_a_script_prints_schema_and_rows(stack, topic, send):
    send(SWORD, KNIFE)

    done = subprocess.run(
        ["spark-submit", ROOT / "lib/eventlab/jobs/just_filtering.py", topic], capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr
    assert "|-- event_type: string (nullable = true)" in done.stdout
    assert done.stdout.count("purchase_sword|") == 1
    assert "purchase_knife" not in done.stdout


def test_more_purchases_than_are_shown_are_said_to_be_there(spark, topic, send, capsys):
    send(*[SWORD] * (just_filtering.SHOWN + 1))

    just_filtering.run(spark, topic)

    shown = capsys.readouterr().out
    assert shown.count("purchase_sword|") == just_filtering.SHOWN
    assert f"only showing top {just_filtering.SHOWN} rows" in shown


def test_the_job_as_a_script_fails_clearly_without_a_topic(stack):
    done = subprocess.run(
        ["spark-submit", ROOT / "lib/eventlab/jobs/filtered_writes.py", "nobody-made-it"],
        capture_output=True,
        text=True,
    )

    assert done.returncode != 0
    assert "error: there is no topic 'nobody-made-it'" in done.stdout  # where spark-submit puts a script's errors
    assert "Traceback" not in done.stdout + done.stderr


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


@hypothesis_settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
@given(good=st.lists(OBJECTS, min_size=40, max_size=80), broken=st.lists(BROKEN, min_size=40, max_size=80))
def test_every_message_is_either_a_row_with_its_own_values_or_counted_as_broken(spark, good, broken):
    from pyspark.sql import Row
    from pyspark.sql import functions as F
    from pyspark.sql.types import StringType, StructField, StructType

    from eventlab.jobs import extract

    rows = [Row(number=n, value=bytearray(json.dumps(fields).encode())) for n, fields in enumerate(good)]
    rows += [Row(number=-1, value=bytearray(raw)) for raw in broken]
    messages = spark.createDataFrame(rows, "number int, value binary")

    fields, left_out = survey(messages)
    event = extract.parsed(StructType([StructField(name, StringType()) for name in fields])).alias("event")
    read = messages.select("number", event).where(extract.is_object("event"))
    found = read.select("number", *extract.columns(fields)).orderBy(F.col("number")).collect()

    assert left_out == len(broken)
    assert [row["number"] for row in found] == list(range(len(good)))
    assert [{k: v for k, v in row.asDict().items() if k != "number" and v is not None} for row in found] == good
