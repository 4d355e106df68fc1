"""Record the class-data-sharing archives, with which the services start faster."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import ClassVar

from eventlab.settings import OwnSettings
from eventlab.stack import archives, jars, java
from eventlab.stack.services import COURSE
from eventlab.stack.stack import Stack, fresh_stack
from eventlab.stack.startup import Report, no_report

ARCHIVED = tuple(name for name in COURSE if name != "api")
OFFSETS = (7000, 7200, 7400, 7600, 7800)
START_TIMEOUT_S, STOP_TIMEOUT_S = 180, 300


class RecordingSettings(OwnSettings):
    """Settings of services that write their archives when they end."""

    record_archives: ClassVar[bool] = True


def record_archives(report: Report = no_report) -> bool:
    """Run the services once in a temporary folder so that each writes its archive.

    This takes a start of the stack and a few seconds, once per Java and set of jars.

    Returns:
        False if all archives exist.
    """
    if all(archive(name).exists() for name in ARCHIVED):
        return False
    shutil.rmtree(archives.FOLDER, ignore_errors=True)
    with (
        tempfile.TemporaryDirectory(prefix="eventlab-setup-") as folder,
        fresh_stack(
            Path(folder) / "state",
            OFFSETS,
            ARCHIVED,
            report,
            grace_s=STOP_TIMEOUT_S,
            kind=RecordingSettings,
            start_timeout_s=START_TIMEOUT_S,
        ) as stack,
    ):
        _use_spark(stack)
    return True


def archive(service: str) -> Path:
    """Return the path of a service's archive for the current Java and jars."""
    environment = {"namenode": "hdfs", "datanode": "hdfs"}.get(service, service)
    return archives.path(java.find(), service, jars.class_path(environment))


def _use_spark(stack: Stack) -> None:
    """Read from Kafka and write Parquet, so that the archive contains the classes that the lessons use."""
    from pyspark.sql import SparkSession

    spark = SparkSession.builder.create()
    try:
        reader = spark.read.format("kafka").option("kafka.bootstrap.servers", stack.bootstrap_servers)
        events = reader.option("subscribe", stack.settings.topic).load()
        parsed = events.selectExpr("from_json(cast(value as string), 'event_type string') as event")
        parsed.select("event.*").write.mode("overwrite").parquet("/tmp/training")
        spark.read.parquet("/tmp/training").groupBy("event_type").count().collect()
    finally:
        spark.stop()
