"""Read all events of a topic, keep the sword purchases, print them: spark-submit just_filtering.py [TOPIC]."""

import sys

from pyspark.sql import DataFrame, SparkSession

from eventlab.jobs.extract import extract_events, run_as_script
from eventlab.jobs.topic import JobError
from eventlab.settings import settings


def sword_purchases(events: DataFrame) -> DataFrame:
    """Those events that are sword purchases."""
    if "event_type" not in events.columns:
        raise JobError("no event has an event_type")
    return events.where("event_type = 'purchase_sword'")


def run(spark: SparkSession, topic: str = settings.topic) -> None:
    purchases = sword_purchases(extract_events(spark, topic))
    purchases.printSchema()
    purchases.orderBy("timestamp").show(100)


if __name__ == "__main__":
    run_as_script(lambda spark: run(spark, *sys.argv[1:2]))
