"""What a lesson starts from, and that no data of the learner or of an external service is lost."""

import base64
import json
import os
import subprocess
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest

from eventlab.clients import kafka
from eventlab.course import preparation as course
from eventlab.course import saved, topics
from eventlab.course.stream_folder import END_QUERIES
from eventlab.settings import ROOT, Settings
from eventlab.stack import filesystem
from tests.helpers import first_group, wait_until


@pytest.fixture
def send(stack):
    """Send values, each with the key `k`, to a topic."""
    from kafka import KafkaProducer

    def send_all(topic, *values):
        producer = KafkaProducer(bootstrap_servers=stack.bootstrap_servers)
        for value in values:
            producer.send(topic, value, key=b"k").get(timeout=60)
        producer.close()

    return send_all


@pytest.fixture
def three_partitions(stack, topic):
    """Create a topic with three partitions, and delete it afterwards."""
    name = f"{topic}-three"
    with kafka.open_admin(stack.bootstrap_servers) as admin:
        admin.create_topics({name: {"num_partitions": 3, "replication_factor": 1}})
    yield name
    kafka.delete_topics(stack.bootstrap_servers, [name])


@pytest.fixture
def external(stack, tmp_path, monkeypatch):
    """Use the stack's Kafka as an external one, without a record of the topics that the kit created."""
    settings = stack.model_copy(
        update={"external_bootstrap_servers": stack.bootstrap_servers, "state_dir": tmp_path}
    )
    monkeypatch.setattr(course, "settings", settings)
    return settings


def saved_text(printed):
    """Return the content of the file that the message names."""
    return Path(first_group(r"are saved in (\S+)", printed)).read_text()


def test_a_lesson_that_kills_services_says_so_when_one_of_them_is_external(monkeypatch):
    monkeypatch.setattr(course, "settings", Settings(external_spark_remote="sc://spark.example:15002"))

    with pytest.raises(course.LessonError, match=r"kills spark, and cannot: .* is an external service") as caught:
        course.prepare("events-13", kills=["kafka", "spark"])

    assert caught.value.next_command == "unset EVENTLAB_EXTERNAL_SPARK_REMOTE"


@pytest.mark.parametrize(
    ("end", "message"),
    [
        (None, "there is no topic 'event'; did you mean 'events'\\?\nNext: kafka-topics --list"),
        ({0: 7, 1: 9}, "the topic 'event' has 2 partitions, and each has an end offset of its own: 7, 9"),
    ],
)
def test_a_topic_without_an_end_offset_or_with_several_is_refused(monkeypatch, end, message):
    monkeypatch.setattr(kafka, "topic_offsets", lambda servers, topic: end and kafka.Offsets({}, end))
    monkeypatch.setattr(kafka, "list_topics", lambda servers: ["events", "practice"])

    with pytest.raises(kafka.TopicError, match=message):
        topics.end_offset("event")


@pytest.mark.parametrize(("existing", "shown"), [([], "none"), (["events-01", "practice"], "events-01, practice")])
def test_the_error_of_an_unknown_topic_lists_the_topics_that_exist(monkeypatch, existing, shown):
    monkeypatch.setattr(kafka, "topic_offsets", lambda servers, topic: None)
    monkeypatch.setattr(kafka, "list_topics", lambda servers: existing)

    with pytest.raises(kafka.TopicError, match=f"there are: {shown}\nNext"):
        topics.end_offset("q")


def test_a_record_is_saved_as_one_line():
    record = SimpleNamespace(
        partition=0, offset=7, timestamp=1000, key=None, value=b"two\nlines", headers=[("trace", b"\xff")]
    )

    line = saved.to_json_line(record)

    assert "\n" not in line
    assert json.loads(line) == {
        "partition": 0,
        "offset": 7,
        "timestamp_ms": 1000,
        "key": None,
        "value": "two\nlines",
        "headers": [{"name": "trace", "value_base64": base64.b64encode(b"\xff").decode()}],
    }


def test_a_lesson_error_shows_its_message_and_no_traceback():
    assert course.LessonError("not running: kafka")._render_traceback_() == ["LessonError: not running: kafka"]


def test_the_messages_of_a_topic_are_saved_before_it_is_emptied(topic, send, capsys):
    send(topic, b"two\nlines", b"\xff")

    course.fresh_topic(topic)

    lines = [json.loads(line) for line in saved_text(capsys.readouterr().out).splitlines()]
    assert [(line["key"], line.get("value"), line.get("value_base64")) for line in lines] == [
        ("k", "two\nlines", None),
        ("k", None, base64.b64encode(b"\xff").decode()),
    ]
    assert topics.read_values(topic) == []


def test_messages_saved_twice_in_one_second_are_two_files(stack, topic, send):
    send(topic, b"1")

    assert saved.save_messages(topic, stack) != saved.save_messages(topic, stack)


def test_a_topic_with_messages_on_an_external_kafka_is_not_emptied(external, topic, send):
    send(topic, b"theirs")

    with pytest.raises(course.LessonError, match=r"export EVENTLAB_TOPIC="):
        course.fresh_topic(topic)
    assert topics.read_values(topic) == [b"theirs"]


def test_a_topic_of_others_on_an_external_kafka_that_contains_just_the_courses_events_is_not_replaced(
    external, topic, send
):
    send(topic, *course.course_messages())
    before = kafka.topic_id(external.bootstrap_servers, topic)

    course.prepare(topic, events=True)
    with pytest.raises(course.LessonError, match=r"export EVENTLAB_TOPIC="):
        course.prepare(topic, events=True, fresh=True)

    assert kafka.topic_id(external.bootstrap_servers, topic) == before


def test_a_topic_of_others_on_an_external_kafka_with_several_partitions_is_refused(external, three_partitions):
    with pytest.raises(course.LessonError, match=r"several partitions.*\nNext: export EVENTLAB_TOPIC="):
        course.prepare(three_partitions, events=True)


def test_a_lessons_own_topic_gets_one_partition(stack, three_partitions):
    course.prepare(three_partitions, events=True)

    offsets = kafka.topic_offsets(stack.bootstrap_servers, three_partitions)
    assert offsets
    assert offsets.end == {0: 40}
    assert topics.read_values(three_partitions) == course.course_messages()


def test_a_topic_of_the_api_with_several_partitions_is_named_with_the_command_that_deletes_it(
    stack, three_partitions, monkeypatch
):
    monkeypatch.setattr(course, "settings", stack.model_copy(update={"topic": three_partitions}))

    with pytest.raises(
        course.LessonError, match=rf"3 partitions.*\nNext: kafka-topics --delete --topic {three_partitions}"
    ):
        course.prepare(three_partitions)


def test_a_topic_on_an_external_kafka_that_the_lessons_created_is_emptied(external, topic, send, capsys):
    name = f"{topic}-mine"
    course.fresh_topic(name)
    send(name, b"ours")

    course.fresh_topic(name)

    assert topics.read_values(name) == []
    assert "ours" in saved_text(capsys.readouterr().out)


def test_a_lesson_starts_with_the_forty_events_and_twenty_purchases(stack, topic, capsys):
    path = "/tmp/test-course-purchases"
    needs = ["namenode", "datanode", "spark"]

    course.prepare(topic, events=True, purchases=path, needs=needs)
    printed = capsys.readouterr().out
    course.prepare(topic, events=True, purchases=path, needs=needs)

    ready = f"Topic {topic!r} contains 40 events.\n{path} contains 20 rows.\n"
    assert printed.endswith(ready)
    assert capsys.readouterr().out == ready


def test_a_prepared_topic_keeps_its_messages_unless_it_has_to_be_fresh(stack, topic):
    course.prepare(topic, events=True)
    first = kafka.topic_id(stack.bootstrap_servers, topic)

    course.prepare(topic, events=True)
    assert kafka.topic_id(stack.bootstrap_servers, topic) == first

    course.prepare(topic, events=True, fresh=True)
    assert kafka.topic_id(stack.bootstrap_servers, topic) != first
    assert topics.read_values(topic) == course.course_messages()


def test_a_lessons_streams_start_without_queries_and_files_of_an_earlier_run(stack, topic, monkeypatch):
    from pyspark.sql import SparkSession

    monkeypatch.setenv(END_QUERIES, "")
    of_killed_kernel = SparkSession.builder.remote(os.environ["SPARK_REMOTE"]).create()
    sessions = [SparkSession.builder.getOrCreate(), of_killed_kernel]
    queries = []
    for number, session in enumerate(sessions):
        writer = session.readStream.format("rate").load().writeStream.format("noop")
        queries.append(writer.option("checkpointLocation", f"/tmp/{topic}/{number}.checkpoint").start())
    wait_until(lambda: all(query.lastProgress for query in queries))

    course.prepare(topic, folder=f"/tmp/{topic}")

    assert [query.isActive for query in queries] == [False, False]
    assert not filesystem.exists(f"/tmp/{topic}")
    for session in sessions:
        session.stop()


def test_the_topic_of_the_api_is_never_emptied(stack, send):
    send(stack.topic, b"of another lesson")

    start = course.prepare(events=True)

    assert topics.read_values(stack.topic)[start - 1] == b"of another lesson"
    assert len(topics.read_values(stack.topic, start)) == 40
    assert course.prepare() == start + 40


def test_two_open_lessons_do_not_change_the_topic_of_each_other(stack, topic):
    course.prepare(f"{topic}-05", events=True)
    course.prepare(f"{topic}-08", events=True, fresh=True)
    course.prepare()

    assert topics.read_values(f"{topic}-05") == course.course_messages()


def test_the_events_of_a_lesson_are_those_that_the_api_writes(stack):
    start = course.prepare(events=True)

    sent = [json.loads(value) for value in topics.read_values(stack.topic, start)]

    assert sent == [json.loads(value) for value in course.course_messages()]


def test_shell_cells_find_the_addresses_and_the_topic(stack, topic):
    course.prepare(topic)

    printed = subprocess.run(["sh", "-c", "echo $BROKER $API $TOPIC"], capture_output=True, text=True).stdout

    assert printed.split() == [stack.bootstrap_servers, stack.api_url, topic]


def test_purchases_that_differ_from_those_of_the_course_are_replaced(stack, topic):
    from pyspark.sql import SparkSession

    path = "/tmp/test-course-purchases"
    course.prepare(topic, events=True)
    spark = SparkSession.builder.getOrCreate()
    spark.sql("select 'x' as Host, 'purchase_sword' as event_type").write.mode("overwrite").parquet(path)

    assert course.ensure_purchases(topic, path) == 20
    assert course.count_purchases(spark, path) == course.COURSE_PURCHASES
    spark.stop()


def test_a_needed_service_that_does_not_run_is_named(stack):
    with pytest.raises(course.LessonError, match="not running: jupyter"):
        course.prepare(needs=["jupyter"])


@pytest.mark.services
def test_the_papermill_command_of_the_readme_sets_the_parameter(stack):
    block = first_group(r"```sh\n([^`]*papermill[^`]*)```", (ROOT / "README.md").read_text())

    done = subprocess.run(["bash", "-ec", block], cwd=ROOT, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr
    outputs = nbformat.read(ROOT / "build" / "load-50.ipynb", as_version=4)
    counted = next(cell for cell in outputs.cells if cell.cell_type == "code" and "wc -l" in cell.source)
    assert counted.outputs[0].text.strip() == "200"
