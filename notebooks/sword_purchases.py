"""Print the sword purchases of a topic: spark-submit sword_purchases.py TOPIC."""

import os
import sys

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

FIELDS = "`Accept` string, `Host` string, `User-Agent` string, `event_type` string"

spark = SparkSession.builder.getOrCreate()
events = (
    spark.read.format("kafka")
    .option("kafka.bootstrap.servers", os.environ["KAFKA_BOOTSTRAP_SERVERS"])
    .option("subscribe", sys.argv[1])
    .load()
    .select(F.from_json(F.col("value").cast("string"), FIELDS).alias("event"), "timestamp")
    .select("event.*", "timestamp")
)
sword_purchases = events.where("event_type = 'purchase_sword'")
sword_purchases.orderBy("timestamp").show(100, truncate=False)
spark.stop()
