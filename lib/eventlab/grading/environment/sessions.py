"""Finding and ending the Spark sessions that a submission left open.

The server's web page lists the sessions. Spark Connect's ReleaseSession request ends one and interrupts what it
runs. https://github.com/apache/spark/blob/master/sql/connect/common/src/main/protobuf/spark/connect/base.proto
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from html import unescape

from eventlab.clients import http
from eventlab.clients.spark import release_session
from eventlab.errors import EventlabError, ServiceUnavailable
from eventlab.settings import Settings
from eventlab.stack.tokens import spark_token

PATIENCE_S = 5
ROW = re.compile(
    r"<tr>\s*<td>\s*(?P<user>[^<]*?)\s*</td>\s*<td>\s*<a[^>]*\?id=(?P<id>[0-9a-f-]{36})\"[^>]*>[^<]*</a>\s*</td>"
    r"\s*<td>[^<]*</td>\s*<td>\s*(?P<ended>[^<]*?)\s*</td>"
)
TASKS = ".executor.threadpool.activeTasks"
"""The end of the name of the metric: https://spark.apache.org/docs/latest/monitoring.html#metrics"""
HEADING = re.compile(r"(\d+)\s+session\(s\) are online,\s+running\s+(\d+)\s+Request\(s\)")


class SessionError(EventlabError):
    """The server does not list its sessions, or does not end one."""


@dataclass(frozen=True)
class Sessions:
    """The open sessions as (user, id), and the number of running requests."""

    open: frozenset[tuple[str, str]]
    running: int


def look(settings: Settings) -> Sessions:
    """Return the sessions that Spark's web page lists."""
    try:
        answer = http.get(f"{settings.spark_ui_url}/connect/", 10)
    except ServiceUnavailable as error:
        raise SessionError(f"Spark does not say which sessions it has: {error}") from error
    heading = HEADING.search(answer.text)
    if heading is None:
        raise SessionError("Spark's page of sessions is not as it should be")
    rows = [row for row in ROW.finditer(answer.text) if not row["ended"]]
    found = frozenset((unescape(row["user"]), row["id"]) for row in rows)
    if len(found) < int(heading[1]):
        raise SessionError(f"{heading[1]} sessions are open, {len(found)} of them on the first page")
    return Sessions(found, int(heading[2]))


def end_all_but(settings: Settings, kept: Sessions) -> int:
    """End every other session, wait until nothing runs, and return how many were ended.

    A task that waits in a read of a file does not end with its session, and keeps its processor.
    """
    deadline = time.monotonic() + PATIENCE_S
    ended: set[tuple[str, str]] = set()
    while True:
        now = look(settings)
        left = now.open - kept.open
        tasks = 0 if left else running_tasks(settings)
        if not left and now.running <= kept.running and not tasks:
            return len(ended)
        if time.monotonic() > deadline:
            raise SessionError(f"{len(left)} sessions, {now.running} requests and {tasks} tasks do not end")
        for user, session in left - ended:
            release(settings, user, session)
        ended |= left
        time.sleep(0.05)


def running_tasks(settings: Settings) -> int:
    """Return how many tasks run, also those whose session has ended."""
    try:
        gauges = http.get(f"{settings.spark_ui_url}/metrics/json/", 10).json()["gauges"]
        return sum(gauge["value"] for name, gauge in gauges.items() if name.endswith(TASKS))
    except (ServiceUnavailable, ValueError, LookupError, TypeError) as error:
        raise SessionError(f"Spark does not say which tasks it has: {error}") from error


def release(settings: Settings, user: str, session: str) -> None:
    """End a session and interrupt what it runs."""
    try:
        release_session(settings.spark_remote, spark_token(settings), user, session)
    except ServiceUnavailable as error:
        raise SessionError(error.message) from error
