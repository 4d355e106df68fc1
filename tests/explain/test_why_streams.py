"""Streams that show nothing: `%why` names the reason and its proof, and its remedy shows something."""

import pytest

from tests.explain.conftest import in_a_terminal, why
from tests.explain.why_cells import END, FILTER, IDLE, POND, QUERIES, QUIET, ROWS, STOP, TIDES, WINDOWS, sink

pytestmark = pytest.mark.services


def test_a_stream_that_starts_at_the_end(whispers):
    cell = """
options = {"kafka.bootstrap.servers": broker, "subscribe": "whispers"}
source = spark.readStream.format("kafka").options(**options).load()
quiet = source.writeStream.format('memory').queryName('quiet').start()
quiet.processAllAvailable()
spark.table('quiet').count()"""

    box = why(whispers, cell)

    assert "reads only messages that arrive after its start" in box["what"]
    assert "startingOffsets is 'latest'" in box["proof"]
    whispers.assert_runs("quiet.stop()")
    whispers.assert_runs(cell.replace(".load()", box["remedy"] + ".load()"))
    assert whispers.value == "3"
    whispers.assert_runs("quiet.stop()")


def test_two_queries_on_one_checkpoint(whispers):
    cell = """
options = {"kafka.bootstrap.servers": broker, "subscribe": "whispers", "startingOffsets": "earliest"}
stream = spark.readStream.format("kafka").options(**options).load().writeStream.format("noop")
older = stream.option("checkpointLocation", "/tmp/check_shared").start()
while older.lastProgress is None: time.sleep(0.2)
newer = stream.option("checkpointLocation", "/tmp/check_shared").start()
while newer.lastProgress is None: time.sleep(0.2)
older.recentProgress[:0]"""
    whispers.run("import time")

    box = why(whispers, cell)
    whispers.run("newer.stop(); older.stop()")

    assert "older was stopped, because another query started with the same checkpoint" in box["what"]
    assert "older is run" in box["proof"]
    separate = cell.replace(
        'older = stream.option("checkpointLocation", "/tmp/check_shared")', f"older = stream{box['remedy']}"
    )
    whispers.assert_runs(separate + "\nassert older.isActive and newer.isActive")
    whispers.assert_runs("newer.stop(); older.stop()")


def test_a_window_waits_for_the_watermark_only_in_the_mode_append(whispers):
    box = why(whispers, WINDOWS.format(mode=""))
    whispers.run("windows.stop()")
    assert "only when the watermark has passed" in box["what"]
    assert "the watermark is" in box["proof"]
    whispers.assert_runs(box["remedy"])

    box = why(whispers, WINDOWS.format(mode='.outputMode("complete")'))
    whispers.run("windows.stop()")
    assert "watermark" not in box["what"]


def test_a_stream_that_was_stopped_and_one_that_waits(whispers):
    cell = """
source = read("whispers", spark.readStream)
waits = source.writeStream.format("memory").queryName("waits").start()
waits.processAllAvailable()
while waits.lastProgress is None or waits.lastProgress.numInputRows: time.sleep(0.3)
spark.table("waits").where("offset > 1000").count()"""
    box = why(whispers, cell)
    assert "The streaming query waits waits for new messages" in box["what"]
    assert "kafkacat -P -t whispers" in box["remedy"] or "curl" in box["remedy"]

    whispers.assert_runs("waits.stop()")
    box = why(whispers, "waits.lastProgress and None")
    assert "The streaming query waits is not running" in box["what"]
    whispers.assert_runs(box["remedy"])


@pytest.fixture(scope="module")
def queries(whispers):
    """Define how queries are made; return the notebook."""
    whispers.assert_runs(QUERIES)
    yield whispers
    whispers.assert_runs("[query.stop() for query in spark.streams.active]")
    whispers.assert_runs("kafka.delete_topics(broker, ['tides', 'ebbs'])")


def why_query(notebook, name, cell=""):
    """Run a cell, then `%why(query)`, and return its box."""
    if cell:
        notebook.assert_runs(cell)
    box = notebook.run(f"%why({name})")
    assert notebook.reply["status"] == "ok", notebook.reply
    assert box, notebook.printed
    return box


def test_the_event_of_the_box_closes_the_window_and_a_late_event_is_named(queries):
    box = why_query(queries, "flow", TIDES)

    assert box["what"].startswith("The watermark is 18 seconds short of the end of the next window.")
    assert "the next window ends at 2026-09-21 14:13:40" in box["proof"]
    queries.assert_runs(box["remedy"])
    queries.assert_runs("flow.processAllAvailable(); spark.table('flow').select('count').collect()")
    assert queries.value == "[Row(count=3)]"

    box = why_query(queries, "flow", 'send("tides", at(2), at(3), partition=1); flow.processAllAvailable()')

    assert "dropped events that came too late" in box["what"]
    assert "offset 0 of partition 1 of 'tides' is of 2026-09-21 14:13:22" in box["proof"]
    assert "offset 1 of partition 1" in box["proof"]
    queries.assert_runs("flow.stop()")


def test_an_idle_partition_holds_the_watermark_until_the_event_of_the_box_arrives(queries):
    box = why_query(queries, "sea", IDLE)

    assert box["what"].startswith("Partition 1 of 'tides' is idle and holds the watermark of sea")
    queries.assert_runs(box["remedy"])
    queries.assert_runs("sea.processAllAvailable(); spark.table('sea').count() > 0")
    assert queries.value == "True"
    queries.assert_runs("sea.stop()")


def test_an_empty_topic_holds_the_watermark_until_the_event_of_the_box_arrives(queries):
    box = why_query(queries, "land", QUIET)

    assert box["what"].startswith("The topic 'hush' is idle and holds the watermark of land at its beginning.")
    queries.assert_runs(box["remedy"])
    queries.assert_runs("land.processAllAvailable(); spark.table('land').count() > 0")
    assert queries.value == "True"
    queries.assert_runs("land.stop()")


def test_the_statement_of_the_box_fixes_a_filter_that_keeps_nothing(queries):
    box = why_query(queries, "found", FILTER)

    assert "No row has event_type = 'purchase_swrd', so the filter of found keeps nothing." in box["what"]
    assert "the values of event_type are: 'purchase_knife', 'purchase_sword'" in box["proof"]
    queries.assert_runs("found.stop()\n" + box["remedy"])
    queries.assert_runs(FILTER[FILTER.index("found =") :] + "\nspark.table('found').count()")
    assert queries.value == "1"
    queries.assert_runs("found.stop()")


def test_a_query_that_writes_to_the_console_of_the_server(queries):
    box = why_query(
        queries,
        "spoken",
        'spoken = source(subscribe="ebbs").select("offset").writeStream.format("console").start()\n'
        "spoken.processAllAvailable()",
    )

    assert "writes to the console of Spark's server" in box["what"]
    queries.assert_runs(f"spoken.stop()\n{box['remedy']}")
    assert "Batch: 0" in queries.printed


def test_a_query_with_the_trigger_available_now_has_ended(queries, broken):
    cell = sink("once", ROWS, "once", "once.awaitTermination()", trigger=".trigger(availableNow=True)")

    box = why_query(queries, "once", cell)

    assert "with the trigger availableNow, it reads what is there and stops" in box["what"]
    assert "it read 2 rows and wrote 2" in box["proof"]
    done = in_a_terminal(broken, "/tmp/check_ebbs_once")
    assert "has read all messages of 'ebbs' and waits for new ones" in done.stdout, done.stderr
    assert "ends at the offsets {0: 2}" in done.stdout


def test_a_message_at_which_a_query_failed(queries):
    queries.assert_runs("number = F.udf(lambda text: int(text), 'int')")
    numbers = 'source(subscribe="ebbs").select(number(F.col("value").cast("string")))'

    box = why_query(queries, "fragile", sink("fragile", numbers, "fragile", END))

    assert "The streaming query fragile has ended with an error, in batch 0." in box["what"]
    assert "ValueError: invalid literal for int()" in box["proof"]
    assert "offset 0 of partition 0 of 'ebbs' has the value of the error" in box["proof"]
    queries.assert_runs(box["remedy"])
    assert "purchase_sword" in queries.printed


def test_a_checkpoint_of_another_topic(queries):
    queries.assert_runs("send('ebbs', at(3)); send('tides', at(4))")
    queries.assert_runs(sink("first", ROWS, "topic", STOP))
    other = ROWS.replace("ebbs", "tides")

    box = why_query(queries, "second", sink("second", other, "topic", END))

    assert "The checkpoint of second belongs to another topic: 'ebbs'. The query reads 'tides'." in box["what"]
    own = sink("second", other, "topic", STOP).replace(
        '.option("checkpointLocation", "/tmp/check_ebbs_topic")', "{}"
    )
    queries.assert_runs(own.format(box["remedy"]))


def test_a_checkpoint_of_other_groups(queries):
    groups = 'source(subscribe="ebbs").groupBy("{}").count()'
    queries.assert_runs(sink("few", groups.format("partition"), "groups", STOP, "complete"))
    queries.assert_runs("send('ebbs', b'again')")
    box = why_query(queries, "many", sink("many", groups.format("offset"), "groups", END, "complete"))
    assert "belongs to an earlier form of this query" in box["what"]
    queries.assert_runs(box["remedy"])


def test_a_topic_that_was_deleted_while_a_query_read_it(queries):
    queries.assert_runs(POND + "\nkafka.delete_topics(broker, ['pond']); ended(pond)")

    box = why_query(queries, "pond")

    assert (
        box["what"]
        == "The streaming query pond has ended, because the topic 'pond' was deleted, and does not exist any more."
    )
    queries.assert_runs(box["remedy"])
    queries.assert_runs("send('pond', at(3))\n" + POND.partition("at(2))")[2] + "\nspark.table('frogs').count()")
    assert queries.value == "1"
    queries.assert_runs("pond.stop(); kafka.delete_topics(broker, ['pond'])")


def test_the_checkpoint_of_a_topic_that_was_created_again(queries, broken):
    rows = 'source(subscribe="pool").select("offset")'
    queries.assert_runs("kafka.create_topic(broker, 'pool'); send('pool', at(1), at(2))")
    queries.assert_runs(sink("swim", rows, "pool", STOP))
    queries.assert_runs("kafka.recreate_topic(broker, 'pool'); send('pool', at(3))")
    queries.assert_runs(sink("swim", rows, "pool", END))  # it plans a batch and fails

    done = in_a_terminal(broken, "/tmp/check_ebbs_pool")

    assert "belongs to an earlier topic 'pool', which was deleted" in done.stdout, done.stderr
    assert "read up to the offsets {0: 2}, and 'pool' ends at {0: 1} now" in done.stdout
    queries.assert_runs("kafka.delete_topics(broker, ['pool'])")
