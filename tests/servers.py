"""Addresses that refuse connections or never answer, and a server of files."""

from __future__ import annotations

import functools
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from eventlab.settings import HOST


@contextmanager
def closed_address() -> Iterator[str]:
    """Return an address that refuses connections: bound, so that no other program uses it, and not listening."""
    with socket.socket() as bound:
        bound.bind((HOST, 0))
        yield f"{HOST}:{bound.getsockname()[1]}"


@contextmanager
def silent_server(backlog: int | None = None) -> Iterator[tuple[socket.socket, str]]:
    """Return a server that accepts connections and never answers, and its address."""
    with socket.create_server((HOST, 0), backlog=backlog) as server:
        server.settimeout(60)
        yield server, f"{HOST}:{server.getsockname()[1]}"


class QuietHandler(SimpleHTTPRequestHandler):
    """A handler that prints no log."""

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def file_server(folder: Path) -> Iterator[str]:
    """Serve the files of a folder and return the address."""
    handler = functools.partial(QuietHandler, directory=str(folder))
    with ThreadingHTTPServer((HOST, 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://{HOST}:{server.server_port}"
        server.shutdown()
