"""Isolation without services: what is a reason for a new Spark."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from eventlab.grading.environment.class_watch import CLASSES, LIBRARIES, ClassWatch
from eventlab.grading.environment.cleanup import differences
from eventlab.settings import ROOT

SCRIPT = "org.apache.spark.sql.execution.BaseScriptTransformationWriterThread"
GRAPH = "org.apache.spark.sql.pipelines.graph"
KAFKA = "org.apache.spark.sql.kafka010"
JAR = f"file:{ROOT}/.venv/pyspark/jars"


@pytest.fixture
def watch(tmp_path: Path) -> Any:
    opened = ClassWatch(tmp_path / "classes", [ROOT])
    opened._take(f"org.apache.ivy.Ivy source: {JAR}/derby-10.16.1.1.jar")
    opened.started()
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (f"{SCRIPT} source: shared objects file", "a script (TRANSFORM)"),
        ("org.apache.spark.sql.connect.common.UdfPacket source: shared objects file", "a serialized function"),
        ("org.apache.spark.api.python.PythonWorkerFactory source: shared objects file", "a Python function"),
        (f"{KAFKA}.producer.CachedKafkaProducer source: shared objects file", "a producer of Kafka"),
        ("Mine source: file:/tmp/mine.jar", "a class of its own, Mine"),
        (f"org.apache.hive.X source: {JAR}/hive-exec-2.3.10-core.jar", "a library that no submission needs"),
        ("sun.tools.attach.X source: jrt:/jdk.attach", "a library that no submission needs, jdk.attach"),
        (
            f"{GRAPH}.PipelineExecution source: {JAR}/spark-pipelines_2.13-4.2.0.jar",
            "a library that no submission",
        ),
        (
            f"org.apache.spark.sql.hive.HiveUDF source: {JAR}/spark-hive_2.13-4.2.0.jar",
            "a library that no submission",
        ),
    ],
)
def test_what_runs_other_code_is_a_reason(watch: ClassWatch, line: str, reason: str) -> None:
    watch._take(line)
    (found,) = watch.found()
    assert found.startswith(reason)


@pytest.mark.parametrize(
    "line",
    [
        f"org.apache.parquet.X source: {JAR}/parquet-column-1.17.0.jar",
        f"org.apache.spark.sql.hive.orc.OrcFileFormat$$anon$1 source: {JAR}/spark-hive_2.13-4.2.0.jar",
        f"{GRAPH}.PipelineUpdateContext source: {JAR}/spark-pipelines_2.13-4.2.0.jar",
        f"{KAFKA}.consumer.KafkaDataConsumer source: shared objects file",
        "java.util.X source: jrt:/java.base",
        "org.apache.spark.X source: shared objects file (top)",
        "org.apache.spark.X$$Lambda/0x1 source: org.apache.spark.X",
        f"org.apache.derby.X source: {JAR}/derby-10.16.1.1.jar",  # as when Spark started
    ],
)
def test_what_ordinary_submissions_load_is_none(watch: ClassWatch, line: str) -> None:
    watch._take(line)
    assert watch.found() == []


def test_each_line_of_the_list_of_libraries_is_the_beginning_of_a_name() -> None:
    assert "java.base" in LIBRARIES
    assert [line for line in (*LIBRARIES, *CLASSES) if not re.fullmatch(r"[A-Za-z][\w.-]+", line)] == []
    assert not "hive-exec-2.3.10-core.jar".startswith(LIBRARIES)


def test_a_difference_says_where_it_is() -> None:
    before = {"folders": {"/tmp": {"permission": "1777", "owner": "student"}}, "groups": []}
    now = {"folders": {"/tmp": {"permission": "000", "owner": "student"}}, "groups": ["left"]}
    assert differences(before, now) == "folders /tmp permission: '1777' became '000'; groups: [] became ['left']"
