"""One Parquet folder an event type: spark-submit separate_events.py [TOPIC [PATH]]."""

import re
import sys

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from eventlab.jobs.extract import JobError, extract_events, run_as_script
from eventlab.jobs.output import overwrite
from eventlab.settings import settings

PATH = "/tmp/events"


def run(spark: SparkSession, topic: str = settings.topic, path: str = PATH) -> None:
    """Write PATH/<event type> for every type; fields that no event of a type has are no column there."""
    events = extract_events(spark, topic)
    if "event_type" not in events.columns:
        raise JobError(f"no event of topic {topic!r} has an event_type")
    present = events.groupBy("event_type").agg(*(F.count(F.col(f"`{c}`")).alias(c) for c in events.columns[:-1]))
    for row in present.orderBy("event_type").collect():
        if row[0] is None:
            print("events without an event_type are left out", file=sys.stderr)
            continue
        fields = [f"`{name}`" for name, count in zip(present.columns[1:], row[1:], strict=True) if count]
        of_type = events.where(F.col("event_type") == row[0]).select(*fields, "timestamp")
        folder = f"{path}/{re.sub(r'[^A-Za-z0-9_.-]', '_', row[0])}"
        print(f"{overwrite(spark, of_type, folder)} events of type {row[0]} are at {folder}")


if __name__ == "__main__":
    run_as_script(lambda spark: run(spark, *sys.argv[1:3]))
