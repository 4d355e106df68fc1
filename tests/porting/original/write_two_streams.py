#!/usr/bin/env python
"""Visits and sword purchases as they come in, each kind to a folder of its own."""

import json

from pyspark.sql import SparkSession
from pyspark.sql.functions import from_json, udf
from pyspark.sql.types import StringType, StructField, StructType


def event_schema():
    return StructType(
        [
            StructField("Host", StringType(), True),
            StructField("event_type", StringType(), True),
        ]
    )


@udf("boolean")
def is_sword_purchase(event_as_json):
    return json.loads(event_as_json)["event_type"] == "purchase_sword"


@udf("boolean")
def is_visit(event_as_json):
    return json.loads(event_as_json)["event_type"] == "default"


def main():
    spark = SparkSession.builder.appName("WriteTwoStreams").getOrCreate()

    raw_events = (
        spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", "kafka:29092")
        .option("subscribe", "events")
        .option("startingOffsets", "earliest")
        .load()
    )

    swords = raw_events.filter(is_sword_purchase(raw_events.value.cast("string"))).select(
        from_json(raw_events.value.cast("string"), event_schema()).alias("json")
    )
    visits = raw_events.filter(is_visit(raw_events.value.cast("string"))).select(
        from_json(raw_events.value.cast("string"), event_schema()).alias("json")
    )

    sword_sink = (
        swords.select("json.*")
        .writeStream.format("parquet")
        .option("checkpointLocation", "/tmp/checkpoints_for_swords")
        .option("path", "/tmp/streamed_swords")
        .trigger(processingTime="2 seconds")
        .start()
    )
    visit_sink = (
        visits.select("json.*")
        .writeStream.format("parquet")
        .option("checkpointLocation", "/tmp/checkpoints_for_visits")
        .option("path", "/tmp/streamed_visits")
        .trigger(processingTime="2 seconds")
        .start()
    )
    sword_sink.awaitTermination()
    visit_sink.awaitTermination()


if __name__ == "__main__":
    main()
