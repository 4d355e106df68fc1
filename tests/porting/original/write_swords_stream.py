#!/usr/bin/env python
"""Sword purchases as they come in, appended to Parquet until somebody stops it."""

import json

from pyspark.sql import SparkSession
from pyspark.sql.functions import from_json, udf
from pyspark.sql.types import StringType, StructField, StructType


def purchase_sword_event_schema():
    return StructType(
        [
            StructField("Accept", StringType(), True),
            StructField("Host", StringType(), True),
            StructField("User-Agent", StringType(), True),
            StructField("event_type", StringType(), True),
        ]
    )


@udf("boolean")
def is_sword_purchase(event_as_json):
    return json.loads(event_as_json)["event_type"] == "purchase_sword"


def main():
    spark = SparkSession.builder.appName("WriteSwordsStream").getOrCreate()

    raw_events = (
        spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", "kafka:29092")
        .option("subscribe", "events")
        .option("startingOffsets", "earliest")
        .load()
    )

    sword_purchases = (
        raw_events.filter(is_sword_purchase(raw_events.value.cast("string")))
        .select(
            raw_events.value.cast("string").alias("raw_event"),
            raw_events.timestamp.cast("string"),
            from_json(raw_events.value.cast("string"), purchase_sword_event_schema()).alias("json"),
        )
        .select("raw_event", "timestamp", "json.*")
    )

    sink = (
        sword_purchases.writeStream.format("parquet")
        .option("checkpointLocation", "/tmp/checkpoints_for_sword_purchases")
        .option("path", "/tmp/streamed_sword_purchases")
        .trigger(processingTime="2 seconds")
        .start()
    )
    sink.awaitTermination()


if __name__ == "__main__":
    main()
