"""Failures of HDFS: its two services, safe mode, and paths."""

from __future__ import annotations

import posixpath
import re
from typing import Any
from urllib.parse import urlsplit

from eventlab.clients.hdfs import jmx_bean
from eventlab.explain import service
from eventlab.explain.explanation import INSTEAD, Explain, Explanation
from eventlab.explain.failure import Failure, nearest
from eventlab.stack import filesystem

NO_NAMENODE = (r"HDFS does not answer", r"LessonError: not running: .*\bnamenode\b")
NO_DATANODE = (
    r"could only be written to 0 of the 1 minReplication nodes",
    r"BlockMissingException",
    r"Could not obtain block",
    r"LessonError: not running: .*\bdatanode\b",
)


def namenode_down(failure: Failure, settings: Any) -> Explanation | None:
    """A refused connection to the NameNode's port (or WebHDFS's), while none of ours is there."""
    port = urlsplit(settings.default_fs).port
    refused = rf"to \S+:{port} failed on connection exception", rf"ConnectException.*:{port}\b"
    return service.away(settings, "namenode") if failure.says(*NO_NAMENODE, *refused) else None


def datanode_down(failure: Failure, settings: Any) -> Explanation | None:
    """A block could not be written or read, and the DataNode, which keeps the blocks, is away."""
    return service.away(settings, "datanode") if failure.says(*NO_DATANODE) else None


def safe_mode(failure: Failure, settings: Any) -> Explanation | None:
    """The NameNode takes no changes: it says so itself, and why."""
    if not failure.says(r"SafeModeException", r"in safe mode"):
        return None
    return in_safe_mode(settings)


def in_safe_mode(settings: Any) -> Explanation | None:
    info = jmx_bean(settings.webhdfs_url, "Hadoop:service=NameNode,name=NameNodeInfo") or {}
    said = info.get("Safemode", "")
    if not said:
        return None
    what = "HDFS's NameNode is in safe mode: files can be read, but nothing can be changed."
    if not service.answers(settings, "datanode"):
        remedy = "!eventlab up datanode"
    elif settings.default_fs_url:
        return None
    else:
        remedy = "!eventlab restart namenode"
    return Explanation(what, f"the NameNode{service.pid(settings, 'namenode')} says: {said[:200]}", remedy)


def path_missing(failure: Failure, settings: Any) -> Explanation | None:
    """There is no such path: HDFS says so, and what there is instead."""
    path = _missing_path(failure)
    if path is None or not filesystem.has_webhdfs(path, settings):
        return None
    plain = path.removeprefix(filesystem.scheme_of(path) or "")
    if filesystem.exists(plain):
        return None
    parent = posixpath.dirname(plain)
    while parent != "/" and not filesystem.exists(parent):
        parent = posixpath.dirname(parent)
    there = filesystem.names(parent)
    proof = f"{parent} on {settings.default_fs} holds: {', '.join(there[:12]) or 'nothing'}"
    what = f"HDFS has no {plain}."
    if meant := nearest(posixpath.basename(plain), there):
        meant = posixpath.join(parent, meant)
        name = next((name for name, text in failure.texts() if name and text == plain), None)
        if mended := failure.mended(plain, meant, name):
            return Explanation(f"{what} {meant} may be meant.", proof, mended, "" if name else INSTEAD)
    if plain == "/tmp/purchases":
        line = f'from eventlab import course; course.ensure_purchases("{settings.topic}", "{plain}")'
        return Explanation(f"{what} Lesson 07 writes it.", proof, line)
    return Explanation(
        f"{what} It is to be written first.", proof, f"!hadoop fs -ls {parent}", "To see what there is to read"
    )


def _missing_path(failure: Failure) -> str | None:
    for condition, parameters in failure.conditions.items():
        if condition == "PATH_NOT_FOUND":
            return parameters.get("path")
    found = re.search(r"FileNotFoundError: HDFS has no (\S+)", failure.text)
    return found[1] if found else None


EXPLANATIONS: list[Explain] = [namenode_down, safe_mode, datanode_down, path_missing]
