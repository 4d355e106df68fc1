"""Cells that show nothing: `%why` names the reason and its proof, and its remedy shows something."""

import pytest

from eventlab.clients import kafka
from eventlab.clients.hdfs import open_hdfs
from eventlab.explain.failed_cell import FailedCell
from eventlab.explain.why import explain
from eventlab.stack import Stack
from tests.explain.conftest import fixed, in_a_terminal, why
from tests.explain.mistakes import FILTERS
from tests.explain.why_cells import PARSED, READ_ALL
from tests.helpers import process_of, suspend

pytestmark = pytest.mark.services


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
        "auto_offset_reset='earliest', consumer_timeout_ms=2500)\n"
        "values = [message.value for message in member]; member.close()\nlen(values)"
    )
    whispers.run(cell)

    box = why(whispers, cell)

    assert "'listeners' has read all messages" in box["what"]
    assert "committed offsets are 3" in box["proof"]
    fixed(whispers, cell, box)
    assert whispers.value == "3"


def test_a_group_that_a_function_has_read_to_the_end(whispers):
    whispers.assert_runs(READ_ALL)
    whispers.run("read_all('takers')")

    box = why(whispers, "read_all('takers')")

    assert box["what"] == "The group 'takers' has read all messages of 'whispers'."
    fixed(whispers, "read_all('takers')", box)
    assert whispers.value == "3"


@pytest.mark.parametrize("start", ["end", "7"])
def test_kafkacat_at_the_end_of_a_topic(whispers, start):
    cell = f"!kafkacat -C -t whispers -o {start} -e -q"

    box = why(whispers, cell)

    assert f"-o {start} starts after the last message" in box["what"]
    fixed(whispers, cell, box)
    assert '{"n": 2}' in whispers.printed


def test_a_topic_that_a_lesson_emptied(whispers):
    whispers.assert_runs("producer.send('hush', b'secret'); producer.flush(); course.fresh_topic('hush')")
    cell = "read('hush').count()"

    box = why(whispers, cell)

    assert "The topic 'hush' is empty. A lesson or lab emptied it at" in box["what"]
    assert "saved the topic's 1 messages in" in box["proof"]
    fixed(whispers, cell, box)
    assert whispers.value == "1"


def test_a_topic_that_was_deleted_after_a_lesson_emptied_it_is_not_the_lessons_work(whispers, broken):
    whispers.assert_runs("producer.send('shh', b'secret'); producer.flush(); course.fresh_topic('shh')")
    whispers.assert_runs("!echo again | kafkacat -P -t shh")
    kafka.recreate_topic(broken.bootstrap_servers, "shh")
    whispers.assert_runs(
        "import glob, os, time\n[os.utime(p, (time.time() - 999,) * 2) for p in glob.glob("
        "str(settings.state_dir / 'saved' / 'shh-*'))]"
    )

    box = why(whispers, "read('shh').count()")

    assert box["what"] == "The topic 'shh' is empty."


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


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_of_a_field_a_number_or_a_list_that_keeps_nothing(whispers, name):
    schema = "item struct<name: string>, price int"
    rows = "[(('sword',), 120), (('knife',), 5)]"
    whispers.assert_runs(f"shop = spark.createDataFrame({rows}, '{schema}'); shop.createOrReplaceTempView('shop')")
    cell, what, value = FILTERS[name]

    box = why(whispers, cell)

    assert what in box["what"]
    assert "the values of" in box["proof"]
    fixed(whispers, cell, box)
    assert whispers.value == value


def test_a_dataframe_is_named(whispers):
    whispers.assert_runs("kept = sales.where('n = 7')")

    box = whispers.run("%why(kept)")

    assert "No row has n = 7" in box["what"]
    assert box["remedy"] == "kept = sales.where('n = 2')"


def test_a_column_that_is_null_in_all_rows_because_json_has_another_case(whispers):
    for cell in (
        "parsed.where('N = 2').count()",
        "second = parsed.where(F.col('N') == 2)\nsecond.count()",
        'spark.sql("select * from parsed where N = 2").count()',
    ):
        whispers.assert_runs(PARSED)

        box = why(whispers, cell)

        assert "All rows have NULL in N: the messages have a field n, and none N." in box["what"]
        assert 'one message is {"n": 0}' in box["proof"]
        fixed(whispers, cell, box)
        assert whispers.value == "1"


def test_an_insert_is_not_run_again(whispers):
    whispers.assert_runs("spark.sql('create table if not exists sold (event_type string, n int) using parquet')")
    cell = """spark.sql("insert into sold select * from sales where event_type = 'purchase_sword'")"""

    box = why(whispers, cell)

    assert box["what"].startswith("No reason was found")
    whispers.assert_runs("spark.table('sold').count()")
    assert whispers.value == "1"
    whispers.assert_runs("spark.sql('drop table sold')")


def test_a_value_among_many_is_found_and_a_negated_one_is_no_filter(whispers):
    whispers.assert_runs("many = spark.range(900).selectExpr('concat(\"p\", id) as player', 'id')")
    cell = "few = many.where((F.col('player') == 'p850') & (F.length('player') > 9))\nfew.collect()"
    assert why(whispers, cell)["what"].startswith("No reason was found")

    cell = "none = many.where((F.col('player') != 'x') & (F.length('player') > 9))\nnone.collect()"
    assert why(whispers, cell)["what"].startswith("No reason was found")

    cell = "typo = many.where(F.col('player') == 'P851')\ntypo.count()"
    box = why(whispers, cell)
    assert "Did you mean 'p851'?" in box["what"]
    fixed(whispers, cell, box)
    assert whispers.value == "1"


def test_a_request_to_an_unknown_route(whispers):
    cell = "import requests\nanswer = requests.get(settings.api_url + '/purchase_knife')\nanswer.ok"

    box = why(whispers, cell)

    assert "Did you mean /purchase_a_knife?" in box["what"]
    fixed(whispers, cell, box)
    assert whispers.value == "True"


def test_a_message_to_a_misspelt_topic_which_kafka_created(whispers, broken):
    for cell in ("producer.send('wispers', b'{}'); producer.flush()", "!echo '{}' | kafkacat -P -t wispers"):
        box = why(whispers, cell)

        assert "There was no topic 'wispers', so Kafka created it at" in box["what"]
        assert box["remedy"] == cell.replace("wispers", "whispers")
    kafka.delete_topics(broken.bootstrap_servers, ["wispers"])


def test_answers_of_the_api_that_raised_no_error(whispers):
    box = why(whispers, "import httpx\nanswer = httpx.post(settings.api_url + '/purchase', json={})\nanswer.text")
    assert "refused the request: item is not an object" in box["what"]

    cell = "answer = httpx.get(settings.api_url + '/purchase')\nanswer.text"
    assert "exists, but not for GET" in why(whispers, cell)["what"]

    cell = "!curl -s {settings.api_url}/purchase"
    assert why(whispers, cell)["remedy"] == "!curl -X POST -s {settings.api_url}/purchase"


def test_a_command_that_worked_is_not_explained(whispers):
    for cell in (
        "!hadoop fs -mkdir /tmp/hello",
        "!kafka-topics --create --if-not-exists --topic whispers",
        "!hadoop fs -rm -r -skipTrash /tmp/hello",
    ):
        box = why(whispers, cell)
        assert box["what"].startswith("No reason was found"), cell
        assert box["remedy"] == "!eventlab status"


def test_a_cast_that_got_no_box_gets_it_now(whispers):
    whispers.assert_runs("years = spark.createDataFrame([('late',)], 'year string')\nhook.TIME_LIMIT_S = 0")
    cell = "years.select(years.year.cast('int')).collect()"
    assert whispers.run(cell) is None
    whispers.run("hook.TIME_LIMIT_S = 30")
    assert whispers.run(cell)["remedy"] == whispers.run("%why")["remedy"]


def test_an_error_without_an_explanation_is_no_silence(whispers):
    whispers.run("1 / 0")

    box = whispers.run("%why")

    assert box["what"] == "No service confirms a reason for this error (ZeroDivisionError)."


def test_the_box_of_why_has_its_own_label(whispers):
    whispers.run("2 + 2")
    whispers.run("%why")

    html = whispers.of_type("display_data")[0]["content"]["data"]["text/html"]
    assert 'aria-label="Why the cell shows nothing"' in html


def test_a_service_that_does_not_answer_is_a_fact_and_no_traceback(whispers, broken):
    running = process_of(broken, "kafka")
    suspend(running)
    try:
        box = why(whispers, "2 + 3")
        requests_box = whispers.run("%why curl {settings.api_url}/nothing_like_this")
    finally:
        running.resume()
    assert box["what"].startswith("No reason was found")
    assert "no Kafka broker answers" in box["proof"]
    assert "has no route /nothing_like_this" in requests_box["what"]
    assert "/join_guild/<name>" in requests_box["proof"]

    Stack(broken, grace_s=2).down(["api"])
    box = whispers.run("%why curl {settings.api_url}/nothing_like_this")
    assert box["what"] == "The game API is not running."
    whispers.assert_runs(box["remedy"])


def test_a_failed_cell_is_explained_again(whispers):
    box = whispers.assert_fails("read('whisper').count()")

    assert whispers.run("%why") == box


def test_a_path_in_a_terminal(whispers, broken):
    open_hdfs(broken).mkdir("/tmp/purchases_of_today")

    done = in_a_terminal(broken, "hadoop", "fs", "-ls", "/tmp/purchase_of_today")
    assert "Did you mean /tmp/purchases_of_today?" in done.stdout, done.stderr
    for verb in ("-cat", "-du", "-get"):
        box = explain(FailedCell(None, f"!hadoop fs {verb} /tmp/purchase_of_today"), broken)
        assert "Did you mean /tmp/purchases_of_today?" in box.what, verb
    for verb in ("-mkdir", "-rm", "-put"):  # what such a command has changed proves nothing
        box = explain(FailedCell(None, f"!hadoop fs {verb} /tmp/purchases_of_today"), broken)
        assert "No reason was found" in box.what, verb


def test_a_command_in_a_terminal(whispers, broken):
    done = in_a_terminal(broken, "kafkacat", "-C", "-t", "whisper", "-e")

    assert done.returncode == 0, done.stderr
    assert "There is no topic 'whisper'. Did you mean 'whispers'?" in done.stdout
    assert "kafkacat -C -t whispers -e" in done.stdout


def test_a_cell_that_is_in_order_gets_the_facts(whispers):
    box = why(whispers, "read('whispers').select('offset')")

    assert box["what"].startswith("No reason was found")
    assert "topic 'whispers' has 3 messages" in box["proof"]
