"""Serve a student's API over HTTP on a free port, and call it from a check."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

LOCAL = re.compile(r"http://127\.0\.0\.1:\d{1,5}(/\w+)?")
CALL_TIMEOUT_S = 15.0


class Server:
    """A WSGI application, such as a Flask app, served without a request log until `close`."""

    def __init__(self, app: Any) -> None:
        from werkzeug.serving import WSGIRequestHandler, make_server

        class RequestHandlerWithoutLog(WSGIRequestHandler):
            def log(self, type: str, message: str, *args: Any) -> None:
                pass

        self._server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=RequestHandlerWithoutLog)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Copies:
    """A WSGI application of several copies of an API: `/a/join/owls` is the path `/join/owls` of the copy `a`.

    A copy is created at its first request, so a check can ask for a new one, whose producer has not failed before.
    Errors of the copies, also those that a check causes on purpose, are appended to a file.
    """

    def __init__(self, create: Callable[[], Any], errors: Path) -> None:
        self._create, self._copies, self._lock = create, {}, threading.Lock()  # type: ignore[var-annotated]
        self._errors = _AppendedFile(errors.resolve())

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer a request with the copy that its path names."""
        name, _, path = environ["PATH_INFO"].removeprefix("/").partition("/")
        with self._lock:
            if name not in self._copies:
                self._copies[name] = self._create()
        environ |= {"SCRIPT_NAME": f"/{name}", "PATH_INFO": f"/{path}", "wsgi.errors": self._errors}
        return self._copies[name](environ, start_response)


class _AppendedFile:
    """A stream of text that is open only while it is written."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, text: str) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(text)

    def flush(self) -> None:
        pass


@contextmanager
def serve(app: Any) -> Iterator[str]:
    """Serve a WSGI application for the duration of the block, and yield its address."""
    server = Server(app)
    try:
        yield server.url
    finally:
        server.close()


def call(url: str, path: str, host: str, timeout_s: float = CALL_TIMEOUT_S) -> int | None:
    """Send a GET request to a served API and return the status of its response, or None without a response.

    The body is not read: a submission can send one without an end. Redirects are not followed.

    Raises:
        ValueError: The address is not a port of this machine.
    """
    import httpx

    if not LOCAL.fullmatch(url):
        raise ValueError(f"not the address of a served API: {url!r:.100}")
    try:
        # Without TLS there is nothing to verify, and the certificates would be loaded for each call (20 ms).
        with httpx.stream(
            "GET", url + path, headers={"Host": host}, timeout=timeout_s, trust_env=False, verify=False
        ) as response:
            return response.status_code
    except httpx.HTTPError:
        return None
