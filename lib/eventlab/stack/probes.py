"""Is the service there? Each probe sends a real request of the service's protocol and reads the answer.

A probe returns when the service answered and raises NotAnswering, with the reason, when it did not.
"""

from __future__ import annotations

import json
import logging
import os
import socket
from collections.abc import Callable
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx

from eventlab.clients import http
from eventlab.settings import HOST, Settings

Probe = Callable[[Settings], None]
TIMEOUT_S = 3.0
SPARK_VERSION_REQUEST = b"".join(
    [
        b"\x0a\x24" + b"00112233-4455-6677-8899-aabbccddeeff",  # 1: session_id
        b"\x12\x10" + b"\x0a\x0e" + b"eventlab-probe",  # 2: user_context, in it 1: user_id
        b"\x52\x00",  # 10: spark_version, without a field
    ]
)
"""AnalyzePlanRequest in protobuf's encoding: its class comes with all of pyspark and pandas, 1.5 s of imports.

https://github.com/apache/spark/blob/v4.2.0/sql/connect/common/src/main/protobuf/spark/connect/base.proto
"""


class NotAnswering(Exception):
    """The service did not answer, or not as it should."""


def kafka(settings: Settings) -> None:
    """A metadata request: the cluster has a controller and the broker is in it."""
    connect(settings.bootstrap_servers.split(",")[0])
    with quiet_kafka() as module:
        try:
            with closing(module.KafkaAdminClient(**kafka_client(settings))) as admin:
                if not admin.describe_cluster()["brokers"]:
                    raise NotAnswering("the cluster has no broker yet")
        except module.errors.KafkaError as error:
            raise NotAnswering(f"no answer to a metadata request: {error}") from error


def kafka_client(settings: Settings) -> dict[str, Any]:
    """A client's settings with which a broker that does not answer is given up after `TIMEOUT_S`."""
    limit_ms = int(TIMEOUT_S * 1000)
    return {
        "bootstrap_servers": settings.bootstrap_servers,
        "bootstrap_timeout_ms": limit_ms,
        "request_timeout_ms": limit_ms,
    }


def namenode(settings: Settings) -> None:
    """A WebHDFS listing of the root folder; another file system than HDFS (s3a, file) has no service to ask."""
    if settings.default_fs.startswith("hdfs://"):
        get(f"{settings.webhdfs_url}/webhdfs/v1/?op=LISTSTATUS")


def datanode(settings: Settings) -> None:
    """The DataNode's own report: it has its storage and is registered. Somebody else's: what its NameNode says."""
    if settings.default_fs_url:
        if settings.default_fs.startswith("hdfs://"):
            live_datanodes(settings)
        return
    _bean(settings, "FSDatasetState")  # without it, asking for the rest writes a stack trace to the log
    actors = json.loads(_bean(settings, "DataNodeInfo").get("BPServiceActorInfo") or "[]")
    if not any(actor["ActorState"] == "RUNNING" and actor.get("BlockPoolID") for actor in actors):
        raise NotAnswering("not registered with the NameNode yet")


def live_datanodes(settings: Settings) -> None:
    """The NameNode's report: it knows a living DataNode and has left safe mode."""
    beans = get(f"{settings.webhdfs_url}/jmx?qry=Hadoop:service=NameNode,name=FSNamesystemState").json()["beans"]
    if not beans or beans[0]["NumLiveDataNodes"] < 1 or beans[0]["FSState"] != "Operational":
        raise NotAnswering("no DataNode has reported its blocks yet")


def _bean(settings: Settings, name: str) -> dict[str, Any]:
    """One of the DataNode's JMX beans, over HTTP."""
    url = f"http://{HOST}:{settings.datanode_web_port}/jmx?qry=Hadoop:service=DataNode,name={name}"
    beans = get(url).json()["beans"]
    if not beans:
        raise NotAnswering("no storage yet: it waits for the NameNode")
    return beans[0]


def spark(settings: Settings) -> None:
    """Spark Connect's version request, over gRPC; of a master only that it accepts connections."""
    if not settings.is_spark_connect:
        if settings.spark_master.startswith("spark://"):
            connect(urlsplit(settings.spark_master).netloc.split(",")[0])
        return
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")  # its fork handlers only write to standard error
    import grpc

    address = urlsplit(settings.spark_remote)
    connect(address.netloc)
    with grpc.insecure_channel(address.netloc) as channel:
        try:
            channel.unary_unary("/spark.connect.SparkConnectService/AnalyzePlan")(
                SPARK_VERSION_REQUEST, timeout=TIMEOUT_S * 3
            )
        except grpc.RpcError as error:
            raise NotAnswering(f"no answer to a version request: {error}") from error


def api(settings: Settings) -> None:
    """An OPTIONS request, which unlike a GET sends no event."""
    answer = _request("OPTIONS", settings.api_url + "/")
    if "GET" not in answer.headers.get("Allow", ""):
        raise NotAnswering(f"OPTIONS / is answered with {answer.status_code}, not with the routes' methods")


def jupyter(settings: Settings) -> None:
    """The server's status, with the token."""
    from eventlab.stack.token import read_token

    get(settings.jupyter_url + "/api/status", headers={"Authorization": f"token {read_token(settings)}"})


def connect(address: str, timeout_s: float = TIMEOUT_S) -> None:
    """A plain connection: the quick no, before a client library starts its retries."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=timeout_s).close()
    except (OSError, ValueError) as error:
        raise NotAnswering(f"{address} does not accept connections: {error}") from error


@contextmanager
def quiet_kafka() -> Any:
    """The kafka module, its log held back: it reports every broker that is not there yet."""
    import kafka

    logger = logging.getLogger("kafka")
    before, logger.level = logger.level, logging.CRITICAL + 1
    try:
        yield kafka
    finally:
        logger.level = before


def get(url: str, headers: dict[str, str] | None = None) -> httpx.Response:
    """The answer to a GET; NotAnswering when there is none, or another than 200."""
    answer = _request("GET", url, headers)
    if answer.status_code != 200:
        raise NotAnswering(f"{url} is answered with {answer.status_code}")
    return answer


def _request(method: str, url: str, headers: dict[str, str] | None = None) -> httpx.Response:
    try:
        return http.request(method, url, TIMEOUT_S, headers=headers)
    except httpx.HTTPError as error:
        raise NotAnswering(f"{url}: {error or type(error).__name__}") from error
