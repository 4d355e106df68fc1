"""Mistakes with kafka-python, HTTP and shell commands while all services run: each box's remedy fixes the cell."""

import re

import pytest

pytestmark = pytest.mark.services

MESSAGES = """
import json, requests, time
from kafka import KafkaConsumer, KafkaProducer
producer = KafkaProducer(bootstrap_servers=broker)
for number in range(3):
    producer.send("letters", json.dumps({"n": number}).encode())
producer.send("letters", b"not json")
producer.flush()
"""


@pytest.fixture(scope="module")
def letters(notebook):
    """Send three messages of JSON and one other to a topic; return the notebook."""
    notebook.assert_runs("!kafka-topics --create --topic letters && hadoop fs -mkdir -p /tmp/folder/inside")
    notebook.assert_runs(MESSAGES)
    return notebook


MISTAKES = {
    "a dictionary as value": (
        "producer.send('letters', {'n': 4}).get(timeout=20)",
        "this value is a Python object",
    ),
    "a text as value": ("producer.send('letters', 'hello').get(timeout=20)", "this value is a text"),
    "a text as key": ("producer.send('letters', b'x', key='k').get(timeout=20)", "this key is a text"),
    "a message above the producer's limit": (
        "producer.send('letters', b'x' * 1_500_000).get(timeout=20)",
        "larger than the producer accepts",
    ),
    "the end of the topic": (
        "late = KafkaConsumer('letters', bootstrap_servers=broker, consumer_timeout_ms=3000)\nnext(late)",
        "starts at the end of topic 'letters'",
    ),
    "a group that has read all": (
        "again = KafkaConsumer('letters', bootstrap_servers=broker, group_id='readers', "
        "auto_offset_reset='earliest', consumer_timeout_ms=6000)\nnext(again)",
        "The group 'readers' has read all messages",
    ),
    "a wrong port": ("requests.get('http://127.0.0.1:1/purchase_a_sword').text", "Nothing listens at 127.0.0.1:1"),
    "an unknown route": (
        "requests.get(settings.api_url + '/purchase_sword').raise_for_status()",
        "Did you mean /purchase_a_sword?",
    ),
    "a wrong method": (
        "requests.post(settings.api_url + '/purchase_a_sword').raise_for_status()",
        "exists, but not for POST",
    ),
    "a misspelt topic": ("!kafkacat -C -t leters -o beginning -e -q", "Did you mean 'letters'?"),
    "a misspelt topic to describe": ("!kafka-topics --describe --topic letter", "Did you mean 'letters'?"),
    "a misspelt group": ("!kafka-consumer-groups --describe --group reader", "Did you mean 'readers'?"),
    "braces on a line with JSON": (
        '!echo \'{"n": {"m": 5}}\' | kafkacat -P -b {broker} -t letters',
        "The command got the text {broker}",
    ),
    "a missing path": ("!hadoop fs -ls /tmp/foldr", "Did you mean /tmp/folder?"),
    "a folder that exists": ("!hadoop fs -mkdir /tmp/folder", "/tmp/folder exists on HDFS"),
    "a file that exists": (
        "!echo a > {settings.state_dir}/a.txt && hadoop fs -put {settings.state_dir}/a.txt /tmp/folder "
        "&& hadoop fs -put {settings.state_dir}/a.txt /tmp/folder/a.txt",
        "/tmp/folder/a.txt exists on HDFS",
    ),
    "a folder to delete": ("!hadoop fs -rm /tmp/folder", "/tmp/folder is a folder on HDFS"),
    "a misspelt command": ("!kafkcat -L -t letters", "Did you mean 'kafkacat'?"),
    "a wrong port in a command": ("!curl -s http://127.0.0.1:1/", "Nothing listens at 127.0.0.1:1"),
}


@pytest.fixture
def before(letters):
    """Prepare the cells that need it: a group that has read all messages."""
    letters.run(
        "reader = KafkaConsumer('letters', bootstrap_servers=broker, group_id='readers', "
        "auto_offset_reset='earliest', consumer_timeout_ms=5000)\nlist(reader); reader.commit(); reader.close()"
    )


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_remedy_of_the_box_fixes_the_cell(letters, mistake, request):
    if "group" in mistake:
        request.getfixturevalue("before")
    cell, what = MISTAKES[mistake]

    box = letters.run(cell)

    assert box, (letters.reply, letters.printed)
    assert what in box["what"]
    assert "\tat " not in letters.printed  # no stack trace of Java
    if mistake == "a file that exists":
        assert "-put -f" in box["remedy"]
        return  # the line has two commands, and the first of them fails now
    letters.assert_fixed(cell, box)


def test_a_deserializer_that_fails_names_the_message(letters):
    cell = """
reader = KafkaConsumer("letters", bootstrap_servers=broker, auto_offset_reset="earliest",
                       consumer_timeout_ms=4000, value_deserializer=json.loads)
values = [message.value for message in reader]"""

    box = letters.assert_fails(cell)

    assert "cannot read one message: JSONDecodeError" in box["what"]
    assert "offset 3 of partition 0 of topic 'letters' is b'not json'" in box["proof"]
    letters.assert_runs(box["remedy"])
    letters.assert_runs(cell.replace("value_deserializer=json.loads", "value_deserializer=value_or_none"))


def test_a_consumer_that_left_its_group_gets_more_time(letters):
    cell = """
slow = KafkaConsumer("letters", bootstrap_servers=broker, group_id="slow", auto_offset_reset="earliest",
                     consumer_timeout_ms=9000, max_poll_records=1, heartbeat_interval_ms=300,
                     max_poll_interval_ms=1000)
next(slow); time.sleep(3); slow.commit()"""

    box = letters.assert_fails(cell)

    assert "'slow' left its group 'slow'" in box["what"]
    assert re.match(r"max_poll_interval_ms=300000\)", box["remedy"])
    letters.assert_fixed(cell, box)
