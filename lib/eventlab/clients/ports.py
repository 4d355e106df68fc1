"""TCP ports of this machine: free or not, and which process listens."""

from __future__ import annotations

import contextlib
import socket

import psutil

from eventlab.errors import ServiceUnavailable
from eventlab.settings import HOST

LOOPBACK = ((socket.AF_INET, HOST), (socket.AF_INET6, "::1"))
"""`localhost` may mean either address, so a port counts as free only when it is free at both."""
TIMEOUT_S = 3.0


def is_free(port: int) -> bool:
    """Return whether a service could listen on the port and no other program answers at `localhost`."""
    return _can_bind(port) and not any(is_open(port, host) for _, host in LOOPBACK)


def is_open(port: int, host: str = HOST) -> bool:
    """Return whether a program accepts connections on the port."""
    with contextlib.suppress(OSError):
        socket.create_connection((host, port), timeout=1).close()
        return True
    return False


def holder(port: int) -> str:
    """Return a phrase that names the process that listens on the port.

    The process of another user cannot be named without administrator rights.
    """
    for process in psutil.process_iter():  # one by one: macOS does not list all connections at once
        with contextlib.suppress(psutil.Error):
            for connection in process.net_connections(kind="tcp"):
                if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port:
                    return f"process {process.pid} ({' '.join(process.cmdline())[:80] or process.name()})"
    return "a process of another user"


def check_connection(address: str, timeout_s: float = TIMEOUT_S) -> None:
    """Open and close a TCP connection: a fast check before a client library starts its retries.

    Args:
        address: `host:port`.
        timeout_s: Seconds to wait for the connection.

    Raises:
        ServiceUnavailable: Nothing accepts connections there.
    """
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=timeout_s).close()
    except (OSError, ValueError) as error:
        raise ServiceUnavailable(f"{address} does not accept connections: {error}") from error


def _can_bind(port: int) -> bool:
    """Return whether the port can be bound at 127.0.0.1; connections in TIME_WAIT do not matter."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True
