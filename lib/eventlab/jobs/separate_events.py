"""Write one Parquet folder per event type: spark-submit separate_events.py [TOPIC [PATH]]."""

import hashlib
import sys
from urllib.parse import quote

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from eventlab.jobs.extract import extract_in_one_pass, quoted_column, run_as_script
from eventlab.jobs.output import replacing, scratch
from eventlab.jobs.topic import JobError
from eventlab.settings import settings

PATH = "/tmp/events"
MAX_NAME_BYTES = 200
"""HDFS allows 255 bytes for a folder's name, with the suffix of an unfinished one."""


def run(spark: SparkSession, topic: str = settings.topic, path: str = PATH) -> None:
    """Write PATH/<event type> for each type, without the columns that no event of the type has."""
    with scratch(path) as staged:
        extract_in_one_pass(spark, topic, lambda events: events.write.mode("overwrite").parquet(staged))
        separate(spark, spark.read.parquet(staged), path)


def separate(spark: SparkSession, events: DataFrame, path: str) -> None:
    """Write the events to one folder per event type below the path; raise JobError if no event has a type."""
    if "event_type" not in events.columns:
        raise JobError("no event has an event_type")
    fields = [name for name in events.columns if name != "event_type"]
    present = events.groupBy("event_type").agg(F.count("*"), *(F.count(quoted_column(name)) for name in fields))
    for event_type, rows, *counts in present.orderBy("event_type").collect():
        if event_type is None:
            print(f"{rows} events have no event_type and were left out", file=sys.stderr)
            continue
        used = [name for name, count in zip(fields, counts, strict=True) if count]
        kept = [quoted_column(name) for name in events.columns if name in used or name == "event_type"]
        folder = f"{path}/{folder_name(event_type)}"
        with replacing(spark, folder) as complete:
            events.where(F.col("event_type") == event_type).select(*kept).write.parquet(complete)
        print(f"{rows} events of type {event_type} are at {folder}")


def folder_name(event_type: str) -> str:
    """Return a unique folder name for an event type; characters with a meaning in a path become %XX."""
    if not event_type:
        return "(empty)"
    name = quote(event_type, safe="")
    if name[0] in "._":  # Spark ignores such names, and `..` is the parent folder
        name = f"%{ord(name[0]):02X}{name[1:]}"
    if len(name) > MAX_NAME_BYTES:
        name = f"{name[:MAX_NAME_BYTES]}~{hashlib.sha256(event_type.encode()).hexdigest()[:16]}"
    return name


if __name__ == "__main__":
    run_as_script(lambda spark: run(spark, *sys.argv[1:3]))
