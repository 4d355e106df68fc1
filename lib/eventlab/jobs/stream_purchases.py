"""Write sword purchases to HDFS while events arrive: spark-submit stream_purchases.py [--catch-up] [TOPIC [PATH]].

The job runs until it is stopped; with --catch-up, until it has read what is there. When it starts again, it
continues from its checkpoint, PATH.checkpoint: each purchase is at PATH once.
"""

from collections.abc import Mapping
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from eventlab.jobs import streams

PATH = "/tmp/sword_purchases"
FIELDS = ("Accept", "Host", "User-Agent", "event_type", "player")


def sword_purchases(messages: DataFrame) -> DataFrame:
    """Return the sword purchases among parsed messages, with their place and time in Kafka."""
    swords = messages.where("reason is null and event.event_type = 'purchase_sword'")
    return swords.select("event.*", "partition", "offset", "timestamp")


def start(spark: SparkSession, topic: str, path: str, trigger: Mapping[str, Any]) -> list[Any]:
    """Start two queries: the sword purchases to a Parquet folder, and what cannot be read to the dead letters."""
    messages = streams.parse(streams.read_messages(spark, topic), FIELDS)
    return streams.start_queries(sword_purchases(messages), messages, topic, path, trigger)


if __name__ == "__main__":
    streams.run_stream(start, PATH)
