"""The original course's `filtered_writes.py`, as published but for addresses: the peer of ours.

`@udf('boolean')` has a type object, because Spark 4 wants a session to parse a type's name; address, topic, path
come as arguments, and the work is timed. Keep the rest as it is: it is what ours is measured against. It runs RDD
code, so under classic Spark only.
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
    return event["event_type"] == "purchase_sword"


def main(spark, bootstrap_servers, topic, output):
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
    extracted_purchase_events.write.mode("overwrite").parquet(output)


if __name__ == "__main__":
    session = SparkSession.builder.appName("ExtractEventsJob").getOrCreate()
    for _ in range(int(sys.argv[4])):
        started = time.monotonic()
        main(session, *sys.argv[1:4])
        print("seconds original", time.monotonic() - started)
    print("rows", session.read.parquet(sys.argv[3]).count())
