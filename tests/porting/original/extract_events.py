#!/usr/bin/env python
"""Every event of the topic, as Parquet."""

import json

from pyspark.sql import SparkSession


def main():
    spark = SparkSession.builder.appName("ExtractEventsJob").getOrCreate()

    raw_events = (
        spark.read.format("kafka")
        .option("kafka.bootstrap.servers", "kafka:29092")
        .option("subscribe", "events")
        .option("startingOffsets", "earliest")
        .option("endingOffsets", "latest")
        .load()
    )

    events = raw_events.select(raw_events.value.cast("string"))
    extracted = events.rdd.map(lambda r: json.loads(r.value)).toDF()
    extracted.write.mode("overwrite").parquet("hdfs://cloudera/tmp/extracted_events")
    print("extracted:", extracted.count())


if __name__ == "__main__":
    main()
