"""Streams that show nothing: `%why` names the reason and its proof, and its remedy shows something."""

import pytest

from tests.explain.conftest import why

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


WINDOWS = """
import time
parts = spark.readStream.format("rate").option("rowsPerSecond", 5).load().withWatermark("timestamp", "1 hour")
counts = parts.groupBy(F.window("timestamp", "10 seconds")).count()
windows = counts.writeStream.format("memory").queryName("windows"){mode}.start()
while windows.lastProgress is None or not sum(p.numInputRows for p in windows.recentProgress): time.sleep(0.3)
spark.table("windows").where("count < 0").count()"""


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
