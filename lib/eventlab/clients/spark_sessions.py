"""The sessions of a Spark Connect server, as its web page lists them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape

from eventlab.clients import http
from eventlab.errors import EventlabError, ServiceUnavailable
from eventlab.settings import Settings

SESSION_ROW = re.compile(
    r"<tr>\s*<td>\s*(?P<user>[^<]*?)\s*</td>\s*<td>\s*<a[^>]*\?id=(?P<id>[0-9a-f-]{36})\"[^>]*>[^<]*</a>\s*</td>"
    r"\s*<td>[^<]*</td>\s*<td>\s*(?P<ended>[^<]*?)\s*</td>"
)
SESSIONS_HEADING = re.compile(r"(\d+)\s+session\(s\) are online,\s+running\s+(\d+)\s+Request\(s\)")


class SessionError(EventlabError):
    """The server does not list its sessions, or does not end one."""


@dataclass(frozen=True)
class Sessions:
    """The open sessions as (user, id), and the number of running requests."""

    open: frozenset[tuple[str, str]]
    running: int


def sessions(settings: Settings) -> Sessions:
    """Return the sessions that Spark's web page lists."""
    try:
        answer = http.get(f"{settings.spark_ui_url}/connect/", 10)
    except ServiceUnavailable as error:
        raise SessionError(f"Spark does not say which sessions it has: {error}") from error
    heading = SESSIONS_HEADING.search(answer.text)
    if heading is None:
        raise SessionError("Spark's page of sessions has an unexpected format")
    rows = [row for row in SESSION_ROW.finditer(answer.text) if not row["ended"]]
    found = frozenset((unescape(row["user"]), row["id"]) for row in rows)
    if len(found) < int(heading[1]):
        raise SessionError(f"{heading[1]} sessions are open, {len(found)} of them on the first page")
    return Sessions(found, int(heading[2]))
