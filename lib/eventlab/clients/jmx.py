"""Metrics of HDFS's NameNode and DataNode, which their web servers publish (JMX)."""

from __future__ import annotations

from typing import Any

from eventlab.clients import http


def jmx_bean(web_url: str, query: str) -> dict[str, Any] | None:
    """Return one JMX bean of a NameNode or DataNode, or None when it does not exist yet.

    Args:
        web_url: The node's web address.
        query: The bean's name, for example `Hadoop:service=NameNode,name=NameNodeInfo`.

    Raises:
        ServiceUnavailable: The node does not answer.
    """
    beans = http.get(f"{web_url}/jmx?qry={query}").json()["beans"]
    return dict(beans[0]) if beans else None
