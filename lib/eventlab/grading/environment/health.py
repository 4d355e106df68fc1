"""Faults of the machine that make a check fail: services that have ended, missing nodes of HDFS, a full disk."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from eventlab.clients import kafka
from eventlab.clients.hdfs_web import jmx_bean
from eventlab.grading.environment.sandbox import MIB
from eventlab.grading.environment.services import Services, WorkerStackError
from eventlab.labs import files
from eventlab.settings import HOST, Settings

NODE_COUNTS = ("FSState", "NumLiveDataNodes", "NumDeadDataNodes", "NumStaleDataNodes")
MIN_FREE_BYTES = 64 * MIB
"""With less, Kafka and HDFS refuse data: a block of HDFS has 16 MiB."""
OWN_ENDS = tuple(f"exit code {code}" for code in (0, 3, 50, 51, 52, 53))
"""How Spark ends when a submission ends it: by System.exit, an uncaught error, or a full Java heap.
https://github.com/apache/spark/blob/master/core/src/main/scala/org/apache/spark/util/SparkExitCode.scala"""


def node_states(settings: Settings) -> dict[str, Any]:
    """Return the NameNode's state, and how many DataNodes it has."""
    nodes = jmx_bean(settings.webhdfs_url, "Hadoop:service=NameNode,name=FSNamesystemState") or {}
    return {name: nodes.get(name) for name in NODE_COUNTS}


def require_data_services(data: Services, settings: Settings, nodes: object) -> None:
    """Raise an error unless Kafka and HDFS run and answer.

    Args:
        data: Their processes.
        settings: Their ports.
        nodes: What `node_states` returned when they started.

    Raises:
        WorkerStackError: A process has ended, HDFS does not answer, or its nodes have another state.
        ServiceUnavailable: A service does not answer.
    """
    data.require_running()
    kafka.check_broker(settings.bootstrap_servers)
    try:
        files.summary("/")
    except files.FileError as error:
        raise WorkerStackError(f"the NameNode does not answer: {error.message}") from error
    # The NameNode misses a DataNode that hangs only after half a minute.
    jmx_bean(f"http://{HOST}:{settings.datanode_web_port}", "Hadoop:service=DataNode,name=FSDatasetState")
    if (now := node_states(settings)) != nodes:
        raise WorkerStackError(f"the nodes of HDFS were {nodes} and are {now}")


def require_free_disk(folder: Path, least: int = MIN_FREE_BYTES) -> None:
    """Raise WorkerStackError when the file system of a folder has less free space."""
    free = shutil.disk_usage(folder).free
    if free < least:
        raise WorkerStackError(f"the disk of {folder} is full: {free // MIB} MiB are free")


def spark_fault(ends: dict[str, str]) -> str:
    """Return how Spark ended when the machine may have ended it, or "".

    Args:
        ends: The services that have ended, and how (`Services.ended`).
    """
    how = ends.get("spark", "")
    return "" if how in OWN_ENDS else how
