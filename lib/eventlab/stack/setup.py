"""Everything a stack needs before its first start: Java, the jars, and the archives that make starts quick."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from eventlab.settings import OwnSettings, Settings
from eventlab.stack import archives, jars, java, lifecycle
from eventlab.stack.services import COURSE

ARCHIVED = tuple(name for name in COURSE if name != "api")
TRAINING_OFFSETS = (7000, 7200, 7400, 7600, 7800)


def record_archives(settings: Settings, report: lifecycle.Report = lambda name, phase: None) -> bool:
    """Run the services once on a throw-away state so that each writes its archive; False if they are there.

    Costs a start of the stack and a few seconds of dumping, once per Java and set of jars.
    """
    if all(archive(name).exists() for name in ARCHIVED):
        return False
    shutil.rmtree(archives.FOLDER, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="eventlab-training-") as folder:
        training = OwnSettings(state_dir=Path(folder), port_offset=_free_offset(), start_timeout_s=180)
        archives.recording = True
        try:
            lifecycle.up(training, ARCHIVED, report)
            _exercise_spark(training)
        finally:
            lifecycle.down(training, ARCHIVED, report, grace_s=120)
            archives.recording = False
    return True


def archive(service: str) -> Path:
    """Where the service's archive is for the Java and the jars of now."""
    environment = {"namenode": "hdfs", "datanode": "hdfs"}.get(service, service)
    return archives.path(java.find(), service, jars.class_path(environment))


def _free_offset() -> int:
    """An offset at which no port of the stack is in use."""
    for offset in TRAINING_OFFSETS:
        if not lifecycle.taken_ports(OwnSettings(port_offset=offset)):
            return offset
    raise lifecycle.StackError(f"no free ports at any of the offsets {TRAINING_OFFSETS}")


def _exercise_spark(settings: Settings) -> None:
    """A Kafka read and a Parquet write, so that the classes of the lessons' work are in the archive too."""
    from pyspark.sql import SparkSession

    spark = SparkSession.builder.remote(settings.spark_remote).create()
    try:
        reader = spark.read.format("kafka").option("kafka.bootstrap.servers", settings.bootstrap_servers)
        events = reader.option("subscribe", settings.topic).load()
        parsed = events.selectExpr("from_json(cast(value as string), 'event_type string') as event")
        parsed.select("event.*").write.mode("overwrite").parquet("/tmp/training")
        spark.read.parquet("/tmp/training").groupBy("event_type").count().collect()
    finally:
        spark.stop()
