#!/usr/bin/env python
"""Sword purchases out of the topic, on the screen."""

import json

from pyspark.sql import Row, SparkSession
from pyspark.sql.functions import udf


@udf("boolean")
def is_purchase(event_as_json):
    return json.loads(event_as_json)["event_type"] == "purchase_sword"


def main():
    spark = SparkSession.builder.appName("JustFiltering").getOrCreate()

    raw_events = (
        spark.read.format("kafka")
        .option("kafka.bootstrap.servers", "kafka:29092")
        .option("subscribe", "events")
        .option("startingOffsets", "earliest")
        .option("endingOffsets", "latest")
        .load()
    )

    purchase_events = raw_events.select(
        raw_events.value.cast("string").alias("raw"), raw_events.timestamp.cast("string")
    ).filter(is_purchase("raw"))

    extracted = purchase_events.rdd.map(lambda r: Row(timestamp=r.timestamp, **json.loads(r.raw))).toDF()
    extracted.printSchema()
    extracted.show(100)
    print("sword purchases:", extracted.count())


if __name__ == "__main__":
    main()
