"""Mistakes with kafka-python, HTTP and shell commands while all services run: each box's remedy fixes the cell."""

import re

import pytest

from eventlab.clients import kafka
from eventlab.clients.hdfs import open_hdfs
from eventlab.explain.explanation import INSTEAD, REPLACE_LINE
from eventlab.stack import process
from tests.explain.conftest import with_line
from tests.explain.interrupts import interrupted
from tests.explain.mistakes import LOOPS, MISTAKES

pytestmark = pytest.mark.services

MESSAGES = """
import json, requests, time
from kafka import KafkaConsumer, KafkaProducer
producer = KafkaProducer(bootstrap_servers=broker)
for number in range(3):
    producer.send("letters", json.dumps({"n": number}).encode())
producer.send("letters", b"not json")
producer.flush()
import os
os.environ.update(BROKER=broker, WRONG="leters")
with_http = wrong_url = "http://" + broker + "/"
closed = KafkaProducer(bootstrap_servers=broker)
closed.close()
controller = f"127.0.0.1:{settings.kafka_controller_port}"
"""


@pytest.fixture(scope="module")
def letters(notebook, broken):
    """Send three messages of JSON and one other to a topic; return the notebook."""
    for topic in ("letters", "parcels"):
        kafka.create_topic(broken.bootstrap_servers, topic)
    hdfs = open_hdfs(broken)
    for folder in ("/tmp/folder/inside", "/tmp/fuller/inside"):
        hdfs.mkdir(folder)
    hdfs.write("/tmp/folder/three.txt", b"3\n")
    notebook.assert_runs(MESSAGES)
    return notebook


READ_ALL = (
    "reader = KafkaConsumer('letters', bootstrap_servers=broker, group_id='{}', "
    "auto_offset_reset='earliest')\nwhile not reader.poll(500): pass\n"  # joining the group takes time
    "while reader.poll(500): pass\nreader.commit(); reader.close()"
)


@pytest.fixture(scope="module")
def readers(letters):
    """Prepare the cells that need it: a group that has read all messages."""
    letters.run(READ_ALL.format("readers"))


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_remedy_of_the_box_fixes_the_cell(letters, mistake, request):
    if "group" in mistake:
        request.getfixturevalue("readers")
    cell, what = MISTAKES[mistake]

    box = letters.run(cell)

    assert box, (letters.reply, letters.printed)
    assert what in box["what"]
    assert "\tat " not in letters.printed  # no stack trace of Java
    letters.assert_fixed(cell, box)


IN_ORDER = {
    "a topic that this cell created": "!kafka-topics --create --topic fresh1\n!hadoop fs -ls /nope | false",
    "a folder that this cell created": "%%bash\nhadoop fs -mkdir /tmp/fresh1\nfalse",
    "a failure that the line handles": "!kafkacat -C -t leters -e -q || true",
    "a failure that is asked for": "%%bash\nif hadoop fs -test -e /tmp/foldr; then echo found; fi",
    "a number in words": "!kafka-topics --create --topic letters --partitions three",
    "a captured command after a failed one": "out = !kafka-topics --create --topic fresh2",
    "a comparison after a failed command": "1 != 2",
    "a capture of an option that says no": "!kafka-topics --create --if-not-exists --topic letters",
}


@pytest.mark.parametrize("name", IN_ORDER)
def test_what_worked_or_was_expected_to_fail_gets_no_box_of_its_own(letters, name):
    letters.run("!false")

    box = letters.run(IN_ORDER[name])

    assert box is None or "fresh" not in box["what"]
    if name != "a topic that this cell created":
        assert box is None


def test_only_the_command_that_failed_is_explained(letters, broken):
    open_hdfs(broken).mkdir("/tmp/folder")

    box = letters.run("!kafka-topics --create --topic fresh3\n!hadoop fs -ls /tmp/foldr")

    assert box
    assert box["what"] == "HDFS has no /tmp/foldr. Did you mean /tmp/folder?"


def test_an_exit_code_can_be_read_in_the_next_cell(letters):
    letters.run("!exit 3")
    letters.assert_runs("_exit_code")

    assert letters.value == "3"


def test_a_program_may_wait_longer_for_a_request_than_the_kit(letters):
    options = "{'kafka.bootstrap.servers': broker, 'subscribe': 'letters', 'kafka.request.timeout.ms': 30000}"
    letters.assert_runs(f"spark.read.format('kafka').options(**{options}).load().count()")

    writer = f"spark.sql('select \"a\" as value').write.format('kafka').options(**{options})"
    letters.assert_runs(f"{writer}.option('topic', 'letters').save()")


def test_a_larger_producer_keeps_its_other_options(letters):
    letters.assert_runs(
        "dicts = KafkaProducer(bootstrap_servers=broker, value_serializer=lambda v: json.dumps(v).encode())"
    )
    cell = "dicts.send('letters', {'text': 'x' * 1_200_000}).get(timeout=20)"

    box = letters.assert_fails(cell)

    assert "value_serializer=lambda" in box["remedy"]
    letters.assert_fixed(cell, box)


def test_a_consumer_whose_group_changed_is_not_called_slow(letters):
    cell = """
from kafka.admin import KafkaAdminClient, MemberToRemove
pair = KafkaConsumer("letters", bootstrap_servers=broker, group_id="pair", auto_offset_reset="earliest",
                     consumer_timeout_ms=9000, max_poll_records=1)
next(pair)
member = MemberToRemove(member_id=pair._coordinator._generation.member_id)
KafkaAdminClient(bootstrap_servers=broker).remove_group_members("pair", [member])
pair.commit()"""

    box = letters.assert_fails(cell)

    assert "worked longer" not in box["what"]
    assert "The group 'pair' has changed" in box["what"]
    letters.assert_runs(box["remedy"])
    letters.assert_runs("pair.commit()")


@pytest.mark.parametrize("loop", LOOPS)
def test_a_loop_over_a_consumer_that_was_interrupted_gets_the_reason(letters, broken, loop, tmp_path):
    cell, what = LOOPS[loop]
    if "group" in loop:
        letters.run(READ_ALL.format("watchers"))  # the tests before have sent messages

    box = interrupted(letters, broken, cell, tmp_path / "at its place")

    assert box, letters.printed
    assert what in box["what"]
    assert box["instruction"].startswith((REPLACE_LINE, INSTEAD))
    if loop == "without a variable":
        assert letters.run("%why") == box
    corrected = box["remedy"] if box["instruction"] == INSTEAD else with_line(cell, box["remedy"])
    assert interrupted(letters, broken, corrected, tmp_path, "not json") is None
    assert "not json" in letters.printed
    if "leters" in cell:
        kafka.delete_topics(broken.bootstrap_servers, ["leters"])


def test_an_explanation_of_an_unknown_route_leaves_no_line_in_the_apis_log(letters, broken):
    letters.run("!curl -s {settings.api_url}/purchase_a_sword")
    log = process.log_file(broken, "api")
    before = len(log.read_text().splitlines())

    assert letters.assert_fails("requests.get(settings.api_url + '/purchase_sword').raise_for_status()")
    assert letters.assert_fails("requests.post(settings.api_url + '/purchase_a_sword').raise_for_status()")

    lines = log.read_text().splitlines()[before:]
    assert [line.split('"')[1].split()[0] for line in lines] == ["GET", "POST"]


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


def test_a_key_that_cannot_be_read_is_not_called_a_value(letters):
    cell = """
producer.send("keyed", b"value", key="\\u00fc".encode()).get(timeout=20)
keyed = KafkaConsumer("keyed", bootstrap_servers=broker, auto_offset_reset="earliest", consumer_timeout_ms=4000,
                      key_deserializer=lambda key: key.decode("ascii"), value_deserializer=lambda v: v.decode())
keys = [message.key for message in keyed]"""

    box = letters.assert_fails(cell)

    assert "The key_deserializer of keyed cannot read one message" in box["what"]
    letters.assert_runs(box["remedy"])
    letters.assert_runs(re.sub(r"key_deserializer=.*?\),", "key_deserializer=key_or_none,", cell))


READ = "found = KafkaConsumer('letters', bootstrap_servers=broker, consumer_timeout_ms=4000"
"""Joining a group takes time on a busy machine."""


@pytest.mark.parametrize(
    "cell",
    [
        f"{READ})\nfound.poll(1500); found.seek_to_beginning()\nrows = list(found)\nnext(found)",
        f"{READ}, group_id='rows', auto_offset_reset='earliest')\nrows = list(found)\n"
        "found.commit()\nfound.close()\nrows[0].value.split(b',')[9]",
    ],
)
def test_a_consumer_that_has_read_messages_is_not_blamed(letters, cell):
    assert letters.run(cell) is None
    assert letters.reply["ename"] in ("IndexError", "StopIteration")


def test_a_producer_of_the_same_cell_gets_its_limit_there(letters, broken):
    cell = "small = KafkaProducer(bootstrap_servers=broker)\nsmall.send('boxes', b'x' * 1_500_000).get(timeout=20)"
    kafka.create_topic(broken.bootstrap_servers, "boxes")

    box = letters.assert_fails(cell)

    limit = re.search(r"write (max_request_size=\d+) in the producer of the cell", box["instruction"])
    letters.assert_runs(box["remedy"])
    assert limit
    letters.assert_runs(cell.replace("broker)", f"broker, {limit[1]})"))
    box = letters.assert_fails(cell)  # the topic accepts it now
    letters.assert_fixed(cell, box)


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


def test_python_and_ls_with_an_option_look_for_a_file_of_hdfs_on_this_machine(letters, broken):
    open_hdfs(broken).write("/tmp/three.txt", b"3\n")

    for cell in ("open('/tmp/three.txt')", "!ls -l /tmp/three.txt"):
        box = letters.run(cell)
        assert box, letters.printed
        assert "/tmp/three.txt is on HDFS" in box["what"]
        assert "/tmp/three.txt" in letters.assert_runs(box["remedy"])
