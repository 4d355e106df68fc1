"""What to send: the server, the request in ApacheBench's form (HTTP/1.0), and how often to send it."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

URL = re.compile(
    r"(?:http://)?(?P<host>\[[0-9A-Fa-f:.%]+\]|[^:/\[\]]+)(?::(?P<port>[0-9]{1,5}))?(?P<path>/.*)", re.DOTALL
)


@dataclass
class Plan:
    """A run of the load generator; an invalid URL or a line break in a header raises ValueError.

    Attributes:
        url: `[http://]host[:port]/path`; the slash is required.
        headers: Header lines; a line replaces the default header of the same name.
        method: If empty, POST with a body and GET without.
        credentials: Header lines with cookies and passwords.
        time_limit_s: Seconds after which the run ends; 0 is no limit.
        timeout_s: Seconds without a response after which the run aborts.
        tolerate_errors: Whether to count socket errors instead of aborting.
        verbosity: How much to print about each response, as `ab -v`.
    """

    url: str
    requests: int = 1
    concurrency: int = 1
    headers: Sequence[str] = ()
    method: str = ""
    body: bytes | None = None
    content_type: str = "text/plain"
    credentials: Sequence[str] = ()
    keep_alive: bool = False
    time_limit_s: int = 0
    timeout_s: int = 30
    tolerate_errors: bool = False
    variable_length: bool = False
    verbosity: int = 0

    def __post_init__(self) -> None:
        if self.url[:8].lower() == "https://":
            raise ValueError("eventlab's ab does not support https")
        url = URL.fullmatch(self.url)
        if not url or not 0 < int(url["port"] or 80) < 65536:
            raise ValueError("invalid URL")
        self.hostname, self.port, self.path = url["host"].strip("[]"), int(url["port"] or 80), url["path"]
        self.method = self.method or ("GET" if self.body is None else "POST")
        host = url["host"] if self.port == 80 else f"{url['host']}:{self.port}"
        lines = [f"{self.method} {self.path} HTTP/1.0", *self._header_lines(host)]
        if broken := next((line for line in lines if "\r" in line or "\n" in line), None):
            raise ValueError(f"a line break in {broken!r}")
        self.head = "\r\n".join([*lines, "", ""])
        self.request = os.fsencode(self.head) + (self.body or b"")

    def _header_lines(self, host: str) -> list[str]:
        """Return all header lines, in the order of `ab`."""
        defaults = {"host": f"Host: {host}", "user-agent": "User-Agent: ApacheBench/2.3", "accept": "Accept: */*"}
        replaced = {line.partition(":")[0].strip().lower() for line in self.headers}
        data = [f"Content-length: {len(self.body or b'')}", f"Content-type: {self.content_type}"]
        return [
            *(["Connection: Keep-Alive"] if self.keep_alive else []),
            *self.credentials,
            *([] if self.body is None else data),
            *self.headers,
            *(line for name, line in defaults.items() if name not in replaced),
        ]
