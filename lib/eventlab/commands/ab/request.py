"""The request as ApacheBench writes it: HTTP/1.0, its own headers unless a -H takes their place."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

ADDRESS = re.compile(r"(?P<host>\[[0-9A-Fa-f:.%]+\]|[^:/\[\]]+)(?::(?P<port>[0-9]{1,5}))?")


@dataclass(frozen=True)
class Target:
    """Where the requests go: hostname, port, and the path with its query."""

    hostname: str
    port: int
    path: str
    authority: str
    """Host and port as the URL has them: the default `Host` header."""

    @classmethod
    def parse(cls, url: str) -> Target:
        """The parts of `[http://]host[:port]/path`; like `ab`, insists on the path's slash."""
        if url[:8].lower() == "https://":
            raise ValueError("SSL not compiled in; no https support")
        authority, slash, path = url.removeprefix("http://").partition("/")
        address = ADDRESS.fullmatch(authority)
        if not address or not slash or not 0 < int(address["port"] or 80) < 65536:
            raise ValueError("invalid URL")
        return cls(address["host"].strip("[]"), int(address["port"] or 80), slash + path, authority)


def build(
    target: Target,
    headers: Sequence[str] = (),
    method: str = "GET",
    body: bytes | None = None,
    content_type: str = "text/plain",
    keep_alive: bool = False,
) -> bytes:
    """The bytes of the request; `headers` are whole lines and replace what they name among ab's own."""
    own = [f"Host: {target.authority}", "User-Agent: ApacheBench/2.3", "Accept: */*"]
    given = {name_of(header) for header in headers}
    lines = [
        f"{'POST' if body is not None else method} {target.path} HTTP/1.0",
        *(["Connection: Keep-Alive"] if keep_alive else []),
        *([f"Content-length: {len(body)}", f"Content-type: {content_type}"] if body is not None else []),
        *headers,
        *[line for line in own if name_of(line) not in given],
    ]
    for line in lines:
        if "\r" in line or "\n" in line:
            raise ValueError(f"a line break in {line!r}")
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


def name_of(header: str) -> str:
    return header.partition(":")[0].strip().lower()
