"""Cells that show nothing: `%why` names the reason and its proof, and its remedy shows something."""

import subprocess
import sys

import pytest

from eventlab.explain.explanation import REPLACE_LINE
from tests.explain.conftest import environment_of, with_line

pytestmark = pytest.mark.services

COMMAND = [sys.executable, "-m", "eventlab.cli"]
SETUP = """
import json
from kafka import KafkaConsumer, KafkaProducer
producer = KafkaProducer(bootstrap_servers=broker)
for number in range(3):
    producer.send("whispers", json.dumps({"n": number}).encode())
producer.flush()
sales = spark.createDataFrame([("purchase_sword", 1), ("purchase_knife", 2)], ["event_type", "n"])
sales.createOrReplaceTempView("sales")
"""


@pytest.fixture(scope="module")
def whispers(notebook):
    """Send three messages and create a table; return the notebook."""
    notebook.assert_runs("!kafka-topics --create --topic whispers && kafka-topics --create --topic hush")
    notebook.assert_runs(SETUP)
    return notebook


def why(notebook, cell):
    """Run a cell that shows nothing, then `%why`, and return its box."""
    notebook.run(cell)
    assert notebook.reply["status"] == "ok", notebook.reply
    box = notebook.run("%why")
    assert notebook.reply["status"] == "ok", notebook.reply
    assert box, notebook.printed
    return box


def fixed(notebook, cell, box):
    """Do what the box says, and run the cell again."""
    if box["instruction"].startswith(REPLACE_LINE):
        return notebook.run(with_line(cell, box["remedy"]))
    notebook.run(box["remedy"])
    assert notebook.reply["status"] == "ok", notebook.reply
    return notebook.run(cell)


def test_a_consumer_that_starts_at_the_end(whispers):
    cell = (
        "late = KafkaConsumer('whispers', bootstrap_servers=broker, consumer_timeout_ms=4000)\n"
        "values = [message.value for message in late]\nlen(values)"
    )

    box = why(whispers, cell)

    assert "starts at the end of topic 'whispers'" in box["what"]
    assert "'whispers' has 3 messages" in box["proof"]
    fixed(whispers, cell, box)
    assert whispers.value == "3"


def test_a_group_that_has_read_everything(whispers):
    cell = (
        "member = KafkaConsumer('whispers', bootstrap_servers=broker, group_id='listeners', "
        "auto_offset_reset='earliest', consumer_timeout_ms=6000)\n"
        "values = [message.value for message in member]; member.close()\nlen(values)"
    )
    whispers.run(cell)

    box = why(whispers, cell)

    assert "'listeners' has read all messages" in box["what"]
    assert "committed offsets are 3" in box["proof"]
    fixed(whispers, cell, box)
    assert whispers.value == "3"


def test_kafkacat_at_the_end_of_a_topic(whispers):
    cell = "!kafkacat -C -t whispers -o end -e -q"

    box = why(whispers, cell)

    assert "-o end starts after the last message" in box["what"]
    fixed(whispers, cell, box)
    assert '{"n": 2}' in whispers.printed


def test_a_topic_that_a_lesson_emptied(whispers):
    whispers.assert_runs("producer.send('hush', b'secret'); producer.flush(); course.fresh_topic('hush')")
    cell = "read('hush').count()"

    box = why(whispers, cell)

    assert "The topic 'hush' is empty. The first cell of a lesson or lab emptied it at" in box["what"]
    assert "saved the topic's 1 messages in" in box["proof"]
    fixed(whispers, cell, box)
    assert whispers.value == "1"


def test_a_filter_that_keeps_nothing(whispers):
    cell = "swords = sales.where(F.col('event_type') == 'purchase_swrod')\nswords.select('n').collect()"
    box = why(whispers, cell)
    assert "No row has event_type = 'purchase_swrod'" in box["what"]
    assert "'purchase_knife', 'purchase_sword'" in box["proof"]
    fixed(whispers, cell, box)
    assert whispers.value == "[Row(n=1)]"

    cell = """spark.sql("select n from sales where event_type = 'Purchase_Knife'").collect()"""
    box = why(whispers, cell)
    assert "Did you mean 'purchase_knife'?" in box["what"]
    fixed(whispers, cell, box)
    assert whispers.value == "[Row(n=2)]"


def test_a_request_to_an_unknown_route(whispers):
    cell = "import requests\nanswer = requests.get(settings.api_url + '/purchase_knife')\nanswer.ok"

    box = why(whispers, cell)

    assert "Did you mean /purchase_a_knife?" in box["what"]
    fixed(whispers, cell, box)
    assert whispers.value == "True"


def test_a_stream_that_starts_at_the_end(whispers):
    cell = """
import time
options = {"kafka.bootstrap.servers": broker, "subscribe": "whispers"}
source = spark.readStream.format("kafka").options(**options).load()
quiet = source.writeStream.format('memory').queryName('quiet').start()
time.sleep(8)
spark.table('quiet').count()"""

    box = why(whispers, cell)

    assert "reads only messages that arrive after its start" in box["what"]
    assert "startingOffsets is 'latest'" in box["proof"]
    whispers.assert_runs("quiet.stop()")
    whispers.assert_runs(cell.replace(".load()", box["remedy"] + ".load()"))
    assert whispers.value == "3"
    whispers.assert_runs("quiet.stop()")


def test_a_failed_cell_is_explained_again(whispers):
    box = whispers.assert_fails("read('whisper').count()")

    assert whispers.run("%why") == box


def test_a_command_in_a_terminal(whispers, broken):
    command = [*COMMAND, "why", "kafkacat", "-C", "-t", "whisper", "-e"]

    done = subprocess.run(command, env=environment_of(broken), capture_output=True, text=True, timeout=120)

    assert done.returncode == 0, done.stderr
    assert "There is no topic 'whisper'. Did you mean 'whispers'?" in done.stdout
    assert "kafkacat -C -t whispers -e" in done.stdout


def test_a_cell_that_is_in_order_gets_the_facts(whispers):
    box = why(whispers, "read('whispers').select('offset')")

    assert box["what"].startswith("No reason was found")
    assert "topic 'whispers' has 3 messages" in box["proof"]
