"""Probes of the services: each sends a real request of the service's protocol and reads the answer.

A probe returns when the service can be used, and raises ServiceUnavailable with the reason otherwise.
"""

import json
from collections.abc import Callable
from urllib.parse import urlsplit

from eventlab.clients import hdfs_web, http, ports
from eventlab.clients import kafka as kafka_client
from eventlab.clients import spark as spark_client
from eventlab.clients.hdfs_web import jmx_bean
from eventlab.errors import ServiceUnavailable
from eventlab.settings import HOST, Settings
from eventlab.stack.serve_api import ROUTES_PATH
from eventlab.stack.tokens import jupyter_token, spark_token

Probe = Callable[[Settings], None]
TIMEOUT_S = 6.0
"""Seconds for an answer, which a healthy service may need on a busy machine. Kafka's probe can take twice as long,
and must give up within 15 seconds."""


def kafka(settings: Settings) -> None:
    """Send a metadata request: the cluster has a broker."""
    kafka_client.check_broker(settings.bootstrap_servers, TIMEOUT_S)


def namenode(settings: Settings) -> None:
    """List the root folder over WebHDFS; another file system (s3a, file) has no service to probe."""
    if settings.default_fs.startswith("hdfs://"):
        hdfs_web.list_root(settings.webhdfs_url, TIMEOUT_S)


def datanode(settings: Settings) -> None:
    """Check that the DataNode has storage and is registered; an external one is checked at its NameNode."""
    if settings.external_default_fs:
        if settings.default_fs.startswith("hdfs://"):
            require_live_datanode(settings)
        return
    web_url = f"http://{HOST}:{settings.datanode_web_port}"
    # Without this bean, the request for the other one would write a stack trace to the log.
    if jmx_bean(web_url, "Hadoop:service=DataNode,name=FSDatasetState") is None:
        raise ServiceUnavailable("the DataNode has no storage yet: it waits for the NameNode")
    info = jmx_bean(web_url, "Hadoop:service=DataNode,name=DataNodeInfo") or {}
    actors = json.loads(info.get("BPServiceActorInfo") or "[]")
    if not any(actor["ActorState"] == "RUNNING" and actor.get("BlockPoolID") for actor in actors):
        raise ServiceUnavailable("the DataNode is not registered with the NameNode yet")


def require_live_datanode(settings: Settings) -> None:
    """Raise ServiceUnavailable until the NameNode has a live DataNode and has left safe mode."""
    state = jmx_bean(settings.webhdfs_url, "Hadoop:service=NameNode,name=FSNamesystemState")
    if not state or state["NumLiveDataNodes"] < 1 or state["FSState"] != "Operational":
        raise ServiceUnavailable("no DataNode has reported its blocks yet")


def spark(settings: Settings) -> None:
    """Ask Spark Connect for its version; a standalone master only has to accept connections."""
    if settings.is_spark_connect:
        spark_client.server_version(settings.spark_remote, spark_token(settings))
    elif settings.spark_master.startswith("spark://"):
        ports.check_connection(urlsplit(settings.spark_master).netloc.split(",")[0])


def api(settings: Settings) -> None:
    """Request the routes page, which only the kit's API server has; from an external API, request the methods.

    These requests send no event, and they are not in the log of the kit's server.
    """
    if not settings.external_api_url:
        http.get(settings.api_url + ROUTES_PATH, TIMEOUT_S)
        return
    response = http.request("OPTIONS", settings.api_url + "/", TIMEOUT_S)
    if "GET" not in response.headers.get("Allow", ""):
        raise ServiceUnavailable(f"OPTIONS / of {settings.api_url} answers with status {response.status_code}")


def jupyter(settings: Settings) -> None:
    """Ask for the server's status, with the token."""
    token = jupyter_token(settings)
    http.get(f"{settings.jupyter_url}/api/status", TIMEOUT_S, headers={"Authorization": f"token {token}"})
