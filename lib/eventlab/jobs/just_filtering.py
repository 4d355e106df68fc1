"""Read all events of a topic, keep the sword purchases, print them: spark-submit just_filtering.py [TOPIC]."""

import sys

from pyspark.sql import DataFrame, SparkSession

from eventlab.jobs.extract import JobError, extract_events, run_as_script
from eventlab.settings import settings


def sword_purchases(spark: SparkSession, topic: str = settings.topic) -> DataFrame:
    """The topic's sword purchases, a row each."""
    events = extract_events(spark, topic)
    if "event_type" not in events.columns:
        raise JobError(f"no event of topic {topic!r} has an event_type")
    return events.where("event_type = 'purchase_sword'")


def run(spark: SparkSession, topic: str = settings.topic) -> None:
    purchases = sword_purchases(spark, topic)
    purchases.printSchema()
    purchases.orderBy("timestamp").show(100)


if __name__ == "__main__":
    run_as_script(lambda spark: run(spark, *sys.argv[1:2]))
