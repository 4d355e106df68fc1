"""Read the events of a topic and print the sword purchases: spark-submit just_filtering.py [TOPIC]."""

import sys

import pyarrow
from pyspark.sql import DataFrame, SparkSession

from eventlab.jobs.extract import extract_in_one_pass, run_as_script
from eventlab.jobs.topic import JobError
from eventlab.settings import settings

SHOWN = 100


def sword_purchases(events: DataFrame) -> DataFrame:
    """Return the events that are sword purchases; raise JobError if no event has a type."""
    if "event_type" not in events.columns:
        raise JobError("no event has an event_type")
    return events.where("event_type = 'purchase_sword'")


def earliest(events: DataFrame) -> pyarrow.Table:
    """Return one purchase more than is shown, so that `show` says when there are more."""
    return sword_purchases(events).orderBy("timestamp").limit(SHOWN + 1).toArrow()


def run(spark: SparkSession, topic: str = settings.topic) -> None:
    """Print the first sword purchases of a topic."""
    purchases = spark.createDataFrame(extract_in_one_pass(spark, topic, earliest))
    purchases.printSchema()
    purchases.show(SHOWN, truncate=False)


if __name__ == "__main__":
    run_as_script(lambda spark: run(spark, *sys.argv[1:2]))
