"""Count purchases per minute of event time: spark-submit stream_windows.py [--catch-up] [TOPIC [PATH]].

A window is written once, when the watermark has passed its end: when an event has arrived that is at least LATE
younger than this end. Events that come later for this window are dropped; the progress of the query counts them.
"""

from collections.abc import Mapping
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from eventlab.jobs import streams

PATH = "/tmp/purchases_per_minute"
FIELDS = ("time", "event_type")
LATE = "2 minutes"
WINDOW = "1 minute"


def purchases_per_window(messages: DataFrame) -> DataFrame:
    """Return one row for each window and event type: when it starts and ends, and the number of purchases."""
    purchases = messages.where("reason is null and event.event_type like 'purchase%'").select(
        "time", "event.event_type"
    )
    windows = purchases.withWatermark("time", LATE).groupBy(F.window("time", WINDOW), "event_type").count()
    return windows.select("window.start", "window.end", "event_type", "count")


def start(spark: SparkSession, topic: str, path: str, trigger: Mapping[str, Any]) -> list[Any]:
    """Start two queries: the counts to a Parquet folder, and what cannot be read to the dead letters."""
    messages = streams.with_time(streams.parse(streams.read_messages(spark, topic), FIELDS))
    return streams.start_queries(purchases_per_window(messages), messages, topic, path, trigger)


if __name__ == "__main__":
    streams.run_stream(start, PATH)
