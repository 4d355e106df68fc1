"""Serve a Flask file as `flask run` does, with the same log, but faster: python -m eventlab.stack.serve_api APP.

One process and one thread: gevent switches to another request whenever one waits for its client or for Kafka. So
all requests share one producer and its batches, and none waits for a free thread, even when Kafka does not answer.
tests/bench/api.py compares it with other servers.
"""

import argparse
import contextlib
import json
import socket
import sys
import time
from typing import Any

ROUTES_PATH = "/.eventlab/routes"
"""The page with the routes of the API as JSON; requests for it are not logged."""
METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH")
"""The methods of a request, the most usual one first."""
STOP_S = 6.0
"""Seconds that a stopping server waits for requests in flight: longer than the API's slowest answer."""


def main(argv: list[str] | None = None) -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m eventlab.stack.serve_api", description="Serve a Flask file.")
    parser.add_argument("app", help="the value of FLASK_APP: a file, a module, or module:name")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5000)
    arguments = parser.parse_args(argv)
    from gevent import monkey

    monkey.patch_all()  # before the application creates a lock, a thread or a socket
    from flask.cli import ScriptInfo

    app = with_routes_page(ScriptInfo(app_import_path=arguments.app).load_app())
    server = make_server(app, arguments.host, arguments.port)
    server.start()
    print(f" * Serving {arguments.app} on http://{arguments.host}:{server.server_port}", file=sys.stderr)
    wait_for_signal()
    finish(server)


def with_routes_page(app: Any) -> Any:
    """Return the application with one more page, ROUTES_PATH: its URL map as JSON."""

    def serve(environ: dict[str, Any], start_response: Any) -> Any:
        if environ["PATH_INFO"] != ROUTES_PATH:
            return app(environ, start_response)
        rules = [rule for rule in app.url_map.iter_rules() if rule.endpoint != "static"]
        routes = [{"path": rule.rule, "methods": sorted(rule.methods or ())} for rule in rules]
        body = json.dumps(routes).encode()
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]

    return serve


def make_server(app: Any, host: str, port: int) -> Any:
    """Return a gevent WSGI server that counts the requests in flight and logs them as `flask run` does."""
    from gevent.pywsgi import WSGIHandler, WSGIServer

    class Handler(WSGIHandler):
        def handle(self) -> None:
            set_option(self.socket, "TCP_NODELAY", True)
            super().handle()

        def handle_one_response(self) -> None:
            self.server.in_flight += 1
            set_option(self.socket, "TCP_CORK", True)  # send head and body, which are two writes, as one packet
            try:
                super().handle_one_response()
            finally:
                set_option(self.socket, "TCP_CORK", False)
                self.server.in_flight -= 1

        def log_request(self) -> None:
            if self.path != ROUTES_PATH:
                super().log_request()

        def format_request(self) -> str:
            status = (self._orig_status or self.status or "400").split()[0]
            return log_line(self.client_address[0], self.requestline, status)

    class Server(WSGIServer):
        in_flight = 0

    return Server((host, port), app, handler_class=Handler, log=sys.stderr, backlog=1024)


def set_option(sock: Any, name: str, on: bool) -> None:
    """Set a TCP option if the system has it and the connection is still open."""
    if sock is not None and hasattr(socket, name):
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), on)


def log_line(client: str, request_line: str | None, status: str) -> str:
    """Return a request in the log format of `flask run`; control characters are escaped."""
    request = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in (request_line or "").rstrip("\r\n"))
    return f'{client} - - [{time.strftime("%d/%b/%Y %H:%M:%S")}] "{request}" {status} -'


def wait_for_signal() -> None:
    """Wait for SIGTERM or SIGINT."""
    import signal

    import gevent
    from gevent.event import Event

    received = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, received.set)
    received.wait()


def finish(server: Any) -> None:
    """Close the listening socket and answer the requests in flight; the producer is flushed at exit."""
    import gevent

    server.close()
    deadline = time.monotonic() + STOP_S
    while server.in_flight and time.monotonic() < deadline:
        gevent.sleep(0.01)


if __name__ == "__main__":
    main()
