"""Spark's sessions as its server has them: whatever a submission left open or running is found, and ended.

Which there are is on the server's own page; ending one is a request of Spark Connect's, which interrupts what it
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
    r"\s*<td>[^<]*</td>\s*<td>\s*(?P<ended>[^<]*?)\s*</td>",
)
HEADING = re.compile(r"(\d+)\s+session\(s\) are online,\s+running\s+(\d+)\s+Request\(s\)")


class SessionError(EventlabError):
    """The server does not say which sessions it has, or does not end one."""


@dataclass(frozen=True)
class Sessions:
    """Those that are open, as (user, id), and how many requests run."""

    open: frozenset[tuple[str, str]]
    running: int


def look(settings: Settings) -> Sessions:
    """What the server says that there is."""
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
    """End every other session and wait until nothing runs; how many there were. SessionError when some stay."""
    deadline = time.monotonic() + PATIENCE_S
    ended: set[tuple[str, str]] = set()
    while True:
        now = look(settings)
        left = now.open - kept.open
        if not left and now.running <= kept.running:
            return len(ended)
        if time.monotonic() > deadline:
            raise SessionError(f"{len(left)} sessions and {now.running} requests do not end")
        for user, session in left - ended:
            release(settings, user, session)
        ended |= left
        time.sleep(0.05)


def release(settings: Settings, user: str, session: str) -> None:
    """Spark Connect's ReleaseSession: whatever the session runs is interrupted."""
    try:
        release_session(settings.spark_remote, spark_token(settings), user, session)
    except ServiceUnavailable as error:
        raise SessionError(error.message) from error
