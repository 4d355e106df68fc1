"""The original course's `just_filtering.py` and `filtered_writes.py`, as published: the peer of ours.

What differs: the Kafka address, the topic and the path are arguments; `@udf('boolean')` has a type object, because
Spark 4 wants a session to parse a type's name. Keep the rest as it is: it is what ours is measured against. It is
RDD code, so it needs a classic session, as `spark-submit` gives it.
"""

import json

from pyspark.sql import Row
from pyspark.sql.functions import udf
from pyspark.sql.types import BooleanType


@udf(BooleanType())
def is_purchase(event_as_json):
    event = json.loads(event_as_json)
    if event["event_type"] == "purchase_sword":  # noqa: SIM103
        return True
    return False


def extract(spark, bootstrap_servers, topic):
    """The extraction that both of the original's scripts begin with."""
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
    return extracted_purchase_events


def just_filtering(spark, bootstrap_servers, topic):
    extract(spark, bootstrap_servers, topic).show()


def filtered_writes(spark, bootstrap_servers, topic, path):
    extracted_purchase_events = extract(spark, bootstrap_servers, topic)
    extracted_purchase_events.show()
    extracted_purchase_events.write.mode("overwrite").parquet(path)
