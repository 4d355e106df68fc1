"""Mistakes with kafka-python, HTTP and shell commands while all services run: each box's remedy fixes the cell."""

import re

import pytest

from eventlab.stack import process

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
controller = f"127.0.0.1:{settings.kafka_controller_port}"
"""


@pytest.fixture(scope="module")
def letters(notebook):
    """Send three messages of JSON and one other to a topic; return the notebook."""
    notebook.assert_runs("!kafka-topics --create --topic letters && kafka-topics --create --topic parcels")
    notebook.assert_runs("!hadoop fs -mkdir -p /tmp/folder/inside")
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
    "a message above the broker's limit": (
        "big = KafkaProducer(bootstrap_servers=broker, max_request_size=3_000_000)\n"
        "big.send('parcels', b'x' * 2_000_000).get(timeout=20)",
        "larger than the broker accepts",
    ),
    "an address with http": (
        "KafkaConsumer('letters', bootstrap_servers=with_http, bootstrap_timeout_ms=2000).close()",
        "write host:port, without http://",
    ),
    "an address with http in Spark": (
        "options = {'kafka.bootstrap.servers': wrong_url, 'subscribe': 'letters'}\n"
        "spark.read.format('kafka').options(**options).load().count()",
        "write host:port, without http://",
    ),
    "the end of the topic": (
        "late = KafkaConsumer('letters', bootstrap_servers=broker, consumer_timeout_ms=3000)\nnext(late)",
        "starts at the end of topic 'letters'",
    ),
    "a group that has read all": (
        "again = KafkaConsumer('letters', bootstrap_servers=broker, group_id='readers', "
        "auto_offset_reset='earliest', consumer_timeout_ms=2500)\nnext(again)",
        "The group 'readers' has read all messages",
    ),
    "a wrong port": ("requests.get('http://127.0.0.1:1/purchase_a_sword').text", "Nothing listens at 127.0.0.1:1"),
    "an unknown route": (
        "requests.get(settings.api_url + '/purchase_sword').raise_for_status()",
        "Did you mean /purchase_a_sword?",
    ),
    "an unknown route at localhost": (
        "requests.get(f'http://localhost:{settings.api_port}/purchase_sword').raise_for_status()",
        "Did you mean /purchase_a_sword?",
    ),
    "a misspelt route with a variable": (
        "requests.get(settings.api_url + '/join_gild/lions').raise_for_status()",
        "Did you mean /join_guild/<name>?",
    ),
    "a wrong method": (
        "requests.post(settings.api_url + '/purchase_a_sword').raise_for_status()",
        "exists, but not for POST",
    ),
    "a form for JSON": (
        "import httpx\npotion = {'player': 'bob', 'item': {'name': 'potion', 'price': 5}}\n"
        "httpx.post(settings.api_url + '/purchase', data={'player': 'bob'} | potion).raise_for_status()",
        "refused the request: the body is not a JSON object",
    ),
    "a misspelt topic": ("!kafkacat -C -t leters -o beginning -e -q", "Did you mean 'letters'?"),
    "a misspelt topic to describe": ("!kafka-topics --describe --topic letter", "Did you mean 'letters'?"),
    "a misspelt group": ("!kafka-consumer-groups --describe --group reader", "Did you mean 'readers'?"),
    "braces on a line with JSON": (
        '!echo \'{"n": {"m": 5}}\' | kafkacat -P -b {broker} -t letters',
        "The command got the text {broker}",
    ),
    "JSON without single quotes, which the shell would take apart": (
        '!echo {"n": 5} | kafkacat -P -b {broker} -t letters',
        "The command got the text {broker}",
    ),
    "a misspelt variable in braces": ("!kafkacat -L -b {brokr}", "There is no variable 'brokr'"),
    "braces on a line with a variable of the shell": (
        "!echo $HOME | kafkacat -P -b {broker} -t letters",
        "a variable of the shell",
    ),
    "braces in a bash cell": (
        "%%bash\nkafkacat -L -b {broker} -t letters",
        "Jupyter replaces nothing in a %%bash cell",
    ),
    "a misspelt topic behind a pipe": (
        "!kafkacat -C -t leters -o beginning -e -q | tail -1",
        "Did you mean 'letters'?",
    ),
    "a misspelt topic whose output is captured": (
        "lines = !kafkacat -C -t leters -o beginning -e -q",
        "Did you mean 'letters'?",
    ),
    "a misspelt topic in a bash cell": (
        "%%bash\nkafkacat -C -b $BROKER -t leters -o beginning -e -q",
        "Did you mean 'letters'?",
    ),
    "a misspelt topic in a variable of the shell": (
        "%%bash\nkafkacat -C -b $BROKER -t $WRONG -o beginning -e -q | wc -l",
        "Did you mean 'letters'?",
    ),
    "a misspelt group in a bash cell": (
        "%%bash\nkafka-consumer-groups --bootstrap-server $BROKER --describe --group reader | grep -c letters",
        "Did you mean 'readers'?",
    ),
    "a broker that is not there": (
        "!kafkacat -b 127.0.0.1:1 -L -t letters",
        "No Kafka broker answers at 127.0.0.1:1",
    ),
    "a missing path behind a pipe": ("!hadoop fs -ls /tmp/foldr | wc -l", "Did you mean /tmp/folder?"),
    "a path in the home folder": (
        "!hadoop fs -ls tmp/folder",
        "A path without / at its start is in your home folder",
    ),
    "no home folder": ("!hadoop fs -ls", "Without a path, -ls lists your home folder"),
    "a missing file to put": ("!hadoop fs -put -f READMEE.md /tmp/folder", "There is no file READMEE.md"),
    "a misspelt command behind a pipe": ("!kafkcat -L -t letters | tail -1", "Did you mean 'kafkacat'?"),
    "an unknown route of curl": (
        "!curl -sf {settings.api_url}/purchase_sword",
        "Did you mean /purchase_a_sword?",
    ),
    "a missing path": ("!hadoop fs -ls /tmp/foldr", "Did you mean /tmp/folder?"),
    "a folder that exists": ("!hadoop fs -mkdir /tmp/folder", "/tmp/folder exists on HDFS"),
    "a folder with a similar name": ("!hadoop fs -mkdir /temp/new_folder", "Did you mean /tmp?"),
    "a misspelt option": ("!kafka-topics --describe --topics letters", "Did you mean --topic?"),
    "a verb without its dash": ("!hadoop fs ls /tmp", "Did you mean -ls?"),
    "ab without a path": ("!ab -n 1 {settings.api_url}", "ab needs a path"),
    "a wrong method of curl": ("!curl -sf -X POST {settings.api_url}/purchase_a_sword", "but not for POST"),
    "the controller's port": ("!kafkacat -L -b {controller} -t letters", "No Kafka broker answers"),
    "a command without its mark": ("kafka-topics --list", "the ! is missing"),
    "a comment above the magic": (
        "# the topics\n%%bash\nkafka-topics --list",
        "at the very beginning of the cell",
    ),
    "a file that exists": (
        "!echo a > {settings.state_dir}/a.txt && hadoop fs -put {settings.state_dir}/a.txt /tmp/folder "
        "&& hadoop fs -put {settings.state_dir}/a.txt /tmp/folder/a.txt",
        "/tmp/folder/a.txt exists on HDFS",
    ),
    "a folder to delete": ("!hadoop fs -rm /tmp/folder", "/tmp/folder is a folder on HDFS"),
    "a misspelt command": ("!kafkcat -L -t letters", "Did you mean 'kafkacat'?"),
    "a wrong port in a command": ("!curl -s http://127.0.0.1:1/", "Nothing listens at 127.0.0.1:1"),
}


@pytest.fixture(scope="module")
def readers(letters):
    """Prepare the cells that need it: a group that has read all messages."""
    letters.run(
        "reader = KafkaConsumer('letters', bootstrap_servers=broker, group_id='readers', "
        "auto_offset_reset='earliest', consumer_timeout_ms=2500)\nlist(reader); reader.commit(); reader.close()"
    )


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_remedy_of_the_box_fixes_the_cell(letters, mistake, request):
    if "group" in mistake:
        request.getfixturevalue("readers")
    cell, what = MISTAKES[mistake]

    box = letters.run(cell)

    assert box, (letters.reply, letters.printed)
    assert what in box["what"]
    assert "\tat " not in letters.printed  # no stack trace of Java
    if mistake == "a file that exists":
        assert "-put -f" in box["remedy"]
        return  # the line has two commands, and the first of them fails now
    letters.assert_fixed(cell, box)


IN_ORDER = {
    "a topic that this cell created": "!kafka-topics --create --topic fresh1\n!hadoop fs -ls /nope | false",
    "a folder that this cell created": "%%bash\nhadoop fs -mkdir /tmp/fresh1\nfalse",
    "a failure that the line handles": "!kafkacat -C -t leters -e -q || true",
    "a failure that is asked for": "%%bash\nif hadoop fs -test -e /tmp/foldr; then echo found; fi",
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


def test_only_the_command_that_failed_is_explained(letters):
    letters.assert_runs("!hadoop fs -mkdir -p /tmp/folder")

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
