"""The original course's `filtered_writes.py`, as published, but for addresses and a type object: the peer of ours.

`@udf('boolean')` is given as a type object because Spark 4 wants a session to parse a type's name; the Kafka
address, the topic and the output path come as arguments. Keep the rest as it is: it is what ours is measured
against. It runs RDD code, so under `spark-submit` only.
"""

import json
import sys
import time

from pyspark.sql import Row, SparkSession
from pyspark.sql.functions import udf
from pyspark.sql.types import BooleanType


@udf(BooleanType())
def is_purchase(event_as_json):
    event = json.loads(event_as_json)
    if event["event_type"] == "purchase_sword":
        return True
    return False


def main(bootstrap_servers, topic, output):
    spark = SparkSession.builder.appName("ExtractEventsJob").getOrCreate()
    for _ in range(3):
        started = time.monotonic()
        raw_events = (
            spark.read.format("kafka")
            .option("kafka.bootstrap.servers", bootstrap_servers)
            .option("subscribe", topic)
            .option("startingOffsets", "earliest")
            .option("endingOffsets", "latest")
            .load()
        )
        purchase_events = raw_events.select(
            raw_events.value.cast("string").alias("raw"), raw_events.timestamp.cast("string")
        ).filter(is_purchase("raw"))
        extracted_purchase_events = purchase_events.rdd.map(
            lambda r: Row(timestamp=r.timestamp, **json.loads(r.raw))
        ).toDF()
        extracted_purchase_events.printSchema()
        extracted_purchase_events.show()
        print("before write", time.monotonic() - started)
        extracted_purchase_events.write.mode("overwrite").parquet(output)
        print("all", time.monotonic() - started)


if __name__ == "__main__":
    main(*sys.argv[1:])
