"""The views of a streaming query in JupyterLab: an event is dragged to an earlier time, sent, and dropped."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PICTURES
from tests.browser.helpers import button, open_cells, panel, picture

pytestmark = [pytest.mark.services, pytest.mark.timeout(240)]

LONG_MS = 60_000
STREAM = """
import json
import time

from kafka import KafkaProducer
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from eventlab import course
from eventlab.settings import settings
from eventlab.widgets import StreamView, WatermarkView

course.connect()
spark = SparkSession.builder.getOrCreate()
producer = KafkaProducer(bootstrap_servers=settings.bootstrap_servers)


def send(*seconds):
    for second in seconds:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(1_790_000_000 + second))
        producer.send("waves", json.dumps({"event_type": "purchase_sword", "time": stamp}).encode())
    producer.flush()


send(1, 5, 12)
options = {"kafka.bootstrap.servers": settings.bootstrap_servers, "subscribe": "waves"}
rows = spark.readStream.format("kafka").options(**options, startingOffsets="earliest").load()
fields = F.from_json(F.col("value").cast("string"), "event_type string, time timestamp")
events = rows.select(fields.alias("event")).select("event.*").withWatermark("time", "10 seconds")
counts = events.groupBy(F.window("time", "20 seconds")).count()
query = counts.writeStream.format("memory").queryName("waves").start()
for seconds in ((14, 18), (25, 31), (45, 38)):
    query.processAllAvailable()
    send(*seconds)
"""


def drag(page, handle, picture_of_times, share):
    """Drag the handle of a slider to a share of the width of a picture."""
    box = picture_of_times.bounding_box()
    handle.hover()
    y = handle.bounding_box()["y"] + 5
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * share, y, steps=8)
    page.mouse.up()


def test_an_event_is_dragged_to_an_earlier_time_and_the_view_shows_that_spark_drops_it(page, lab):
    open_cells(page, lab, "stream", STREAM, "display(StreamView(query), WatermarkView(query))")
    stream = panel(page, "Streaming query waves")
    watermark = panel(page, "Watermark of the query waves")
    expect(stream.get_by_role("table", name="Offsets and lag of the partitions")).to_contain_text("waves")
    line = watermark.get_by_role("img", name=re.compile("Event time: watermark"))
    expect(line).to_have_accessible_name(re.compile("is closed with 5; .* is open with"), timeout=LONG_MS)
    expect(watermark).to_contain_text("is in time")
    expect(watermark.get_by_label("Partition").locator("option:checked")).to_have_text("0")

    drag(page, watermark.locator(".noUi-handle"), picture_of_times=line, share=0.14)
    expect(watermark).to_contain_text("its windows are closed: Spark will drop it")
    button(watermark, "Send this event").click()

    expect(watermark).to_contain_text("read it and dropped it: it was too late", timeout=LONG_MS)
    expect(line).to_have_accessible_name(re.compile("0 late and counted, 1 dropped"))
    expect(watermark).to_contain_text("Spark has dropped 1 row as late")
    picture(stream, PICTURES / "stream_view.png")
    picture(watermark, PICTURES / "watermark_view.png")
    page.emulate_media(color_scheme="dark")
    expect(page.locator("body")).to_have_attribute("data-jp-theme-light", "false")
    picture(stream, PICTURES / "lessons" / "stream_view_dark.png")
    picture(watermark, PICTURES / "lessons" / "watermark_view_dark.png")
