#!/usr/bin/env python
"""Purchases of every kind in one table, as written before there were knives with a description."""

import json

from pyspark.sql import Row, SparkSession


def main():
    spark = SparkSession.builder.appName("AllPurchases").getOrCreate()

    raw_events = (
        spark.read.format("kafka")
        .option("kafka.bootstrap.servers", "kafka:29092")
        .option("subscribe", "events")
        .option("startingOffsets", "earliest")
        .option("endingOffsets", "latest")
        .load()
    )

    extracted = (
        raw_events.select(raw_events.value.cast("string").alias("raw"), raw_events.timestamp.cast("string"))
        .rdd.filter(lambda r: json.loads(r.raw)["event_type"].startswith("purchase"))
        .map(lambda r: Row(timestamp=r.timestamp, **json.loads(r.raw)))
        .toDF()
    )
    extracted.write.mode("overwrite").parquet("/tmp/all_purchases")


if __name__ == "__main__":
    main()
