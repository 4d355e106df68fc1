"""Requests to the web servers of HDFS's NameNode and DataNode, without the slow import of fsspec in `hdfs.py`."""

from typing import Any

from eventlab.clients import http


def list_root(web_url: str, timeout_s: float) -> None:
    """List the root folder over WebHDFS; raise ServiceUnavailable if the NameNode does not answer."""
    http.get(f"{web_url}/webhdfs/v1/?op=LISTSTATUS", timeout_s)


def jmx_bean(web_url: str, query: str) -> dict[str, Any] | None:
    """Return one JMX bean (metrics) of a NameNode or DataNode, or None when it does not exist yet.

    Args:
        web_url: The node's web address.
        query: The bean's name, for example `Hadoop:service=NameNode,name=NameNodeInfo`.

    Raises:
        ServiceUnavailable: The node does not answer.
    """
    beans = http.get(f"{web_url}/jmx?qry={query}").json()["beans"]
    return dict(beans[0]) if beans else None
