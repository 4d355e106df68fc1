#!/usr/bin/env python
"""A table over a folder, and then a stream that fills the folder as the events come in."""

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
    spark = SparkSession.builder.appName("StreamThenTable").enableHiveSupport().getOrCreate()

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

    spark.sql("drop table if exists swords_by_stream")
    spark.sql(
        """
        create external table if not exists swords_by_stream (
            raw_event string,
            timestamp string,
            Accept string,
            Host string,
            `User-Agent` string,
            event_type string
        )
        stored as parquet
        location 'hdfs://cloudera/tmp/swords_by_stream'
        tblproperties ("parquet.compress"="SNAPPY")
        """
    )

    sink = (
        sword_purchases.writeStream.format("parquet")
        .option("checkpointLocation", "/tmp/checkpoints_for_swords_by_stream")
        .option("path", "/tmp/swords_by_stream")
        .trigger(processingTime="10 seconds")
        .start()
    )
    sink.awaitTermination()
    spark.sql("select Host, count(*) from swords_by_stream group by Host order by Host").show()


if __name__ == "__main__":
    main()
