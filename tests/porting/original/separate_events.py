#!/usr/bin/env python
"""Each type of event to a folder of its own, its headers munged on the way."""

import json

from pyspark.sql import Row, SparkSession
from pyspark.sql.functions import udf


@udf("string")
def munge_event(event_as_json):
    event = json.loads(event_as_json)
    event["Host"] = "moe"
    event["Cache-Control"] = "no-cache"
    return json.dumps(event)


def main():
    spark = SparkSession.builder.appName("SeparateEvents").getOrCreate()

    raw_events = (
        spark.read.format("kafka")
        .option("kafka.bootstrap.servers", "kafka:29092")
        .option("subscribe", "events")
        .option("startingOffsets", "earliest")
        .option("endingOffsets", "latest")
        .load()
    )

    munged = raw_events.select(
        raw_events.value.cast("string").alias("raw"), raw_events.timestamp.cast("string")
    ).withColumn("munged", munge_event("raw"))

    extracted = munged.rdd.map(lambda r: Row(timestamp=r.timestamp, **json.loads(r.munged))).toDF()

    sword_purchases = extracted.filter(extracted.event_type == "purchase_sword")
    sword_purchases.write.mode("overwrite").parquet("/tmp/sword_purchases")

    default_hits = extracted.filter(extracted.event_type == "default")
    default_hits.write.mode("overwrite").parquet("/tmp/default_hits")

    extracted.registerTempTable("all_events")
    spark.sql("select Host, count(*) as hits from all_events group by Host").show()


if __name__ == "__main__":
    main()
