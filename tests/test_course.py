"""What a lesson starts from: the course's events, and nothing of the learner's lost for it."""

import json
import re
import subprocess
import sys
from collections import Counter

import nbformat
import pytest

from eventlab import course, hdfs
from eventlab.course import topics
from eventlab.notebooks import walk
from eventlab.settings import ROOT


@pytest.fixture
def produce(stack):
    """Send messages (value, key, headers) to a topic."""
    from kafka import KafkaProducer

    producer = KafkaProducer(bootstrap_servers=stack.bootstrap_servers)

    def send(topic, *values, **more):
        for value in values:
            producer.send(topic, value, **more)
        producer.flush()

    yield send
    producer.close()


def types_in(topic):
    return Counter(json.loads(value)["event_type"] for value in topics.read_values(topic))


def test_a_lesson_about_events_starts_from_the_courses_forty(stack, capsys):
    course.prepare(events=True)

    assert types_in(stack.topic) == {"default": 20, "purchase_sword": 20}
    assert capsys.readouterr().out.endswith(f"Topic {stack.topic!r} holds 40 events.\n")


def test_the_forty_are_not_sent_again_when_they_are_there(stack, capsys):
    course.prepare(events=True)
    before = [message.timestamp for message in topics.messages(stack.topic)]

    course.prepare(events=True)

    assert [message.timestamp for message in topics.messages(stack.topic)] == before
    assert "kept in" not in capsys.readouterr().out.splitlines()[-1]


def test_forty_events_of_another_kind_are_not_taken_for_the_courses(stack, produce):
    topics.recreate_topic(stack.topic)
    event = {"Host": "user1.comcast.com", "event_type": "purchase_sword"}
    produce(stack.topic, *[json.dumps(event).encode()] * 40)

    course.prepare(events=True)

    assert types_in(stack.topic) == {"default": 20, "purchase_sword": 20}


def test_what_a_learner_sent_is_kept_in_a_file_that_is_named(stack, produce, capsys):
    topics.recreate_topic(stack.topic)
    values = [b"two\nlines", b"\xff\x00", '{"a": "é"}'.encode(), b""]
    produce(stack.topic, *values, key=b"k", headers=[("trace", b"\x80")], timestamp_ms=1_700_000_000_123)

    course.prepare()

    assert topics.count(stack.topic) == 0
    said = re.search(r"The 4 messages that were in topic '.*' are kept in (.+)", capsys.readouterr().out)
    with (ROOT / said[1]).open(encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    assert [line["value"] for line in lines] == ["two\nlines", {"base64": "/wA="}, '{"a": "é"}', ""]
    assert {(line["key"], line["timestamp"]) for line in lines} == {("k", 1_700_000_000_123)}
    assert [line["offset"] for line in lines] == [0, 1, 2, 3]
    assert lines[0]["headers"] == [["trace", {"base64": "gA=="}]]


def test_two_copies_made_at_once_are_two_files(stack, topic, produce, tmp_path):
    produce(topic, b"x")

    assert topics.save(topic, tmp_path)[1] != topics.save(topic, tmp_path)[1]


def test_somebody_elses_topic_is_not_emptied(stack, produce, monkeypatch):
    external = stack.model_copy(
        update={"kafka_bootstrap_servers": stack.bootstrap_servers, "state_dir": stack.state_dir}
    )
    monkeypatch.setattr(course, "settings", external)
    topics.recreate_topic(stack.topic)
    produce(stack.topic, b"precious")

    with pytest.raises(course.CourseError, match="export EVENTLAB_TOPIC=NAME"):
        course.prepare(events=True)
    assert topics.read_values(stack.topic) == [b"precious"]


def test_another_topic_than_the_apis_is_refused(stack):
    with pytest.raises(course.CourseError, match="export EVENTLAB_TOPIC=mine"):
        course.prepare("mine")


def test_what_a_lesson_needs_is_asked_for(stack, eventlab_down):
    eventlab_down("spark")

    with pytest.raises(course.CourseError, match="not running: spark"):
        course.prepare(services=["spark"])


@pytest.fixture
def eventlab_down(stack):
    """Takes a service down, and up again after the test."""
    from eventlab.stack import life

    def down(name):
        life.down(stack, [name])

    yield down
    life.up(stack)
    life.down(stack, ["jupyter"])


@pytest.fixture
def path(topic):
    yield f"/tmp/{topic}"
    hdfs.delete(f"/tmp/{topic}")


def test_purchases_that_are_not_the_courses_are_written_anew(stack, path):
    from pyspark.sql import SparkSession

    course.prepare(events=True)
    spark = SparkSession.builder.getOrCreate()
    spark.createDataFrame(
        [("user1.comcast.com", "purchase_sword")], "Host string, event_type string"
    ).write.parquet(path)
    other = f"{path}/other"

    assert course.ensure_purchases(stack.topic, path) == 20
    spark.range(20).write.parquet(other)
    assert course.ensure_purchases(stack.topic, other) == 20
    spark.stop()


def test_a_lesson_takes_its_parameters_from_papermill_as_the_readme_says(stack, tmp_path):
    line = re.search(r"^papermill .*$", (ROOT / "README.md").read_text(), re.MULTILINE)[0]
    words = line.replace("build/", f"{tmp_path}/").split()

    done = subprocess.run(
        [sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )

    assert done.returncode == 0, done.stderr[-2000:]
    assert len(topics.read_values(stack.topic)) == 4 * 50 + 200


@pytest.mark.parametrize("lesson", walk.lessons(), ids=lambda path: path.stem)
def test_a_program_printed_in_a_lesson_is_the_program_of_now(lesson):
    for cell in nbformat.read(lesson, as_version=4).cells:
        found = re.fullmatch(r'print\(\(course\.ROOT / "(.+)"\)\.read_text\(\)\)', cell.source)
        if found:
            assert cell.outputs[0].text == (ROOT / found[1]).read_text() + "\n"
