"""TCP ports of this machine: free or not, and which process listens."""

import contextlib
import socket

import psutil

from eventlab.errors import ServiceUnavailable
from eventlab.settings import HOST

TIMEOUT_S = 3.0


def is_free(port: int) -> bool:
    """Return whether a service could listen on the port and no other program answers at `localhost`.

    `localhost` may mean 127.0.0.1 or ::1, so both must be free. Connections in TIME_WAIT do not matter.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return not is_open(port) and not is_open(port, "::1")


def is_open(port: int, host: str = HOST) -> bool:
    """Return whether a program accepts connections on the port."""
    with contextlib.suppress(OSError):
        socket.create_connection((host, port), timeout=1).close()
        return True
    return False


def process_on(port: int) -> str:
    """Return a phrase that names the process that listens on the port, if it is a process of this user."""
    for process in psutil.process_iter():  # one by one: macOS does not list all connections at once
        with contextlib.suppress(psutil.Error):
            for connection in process.net_connections(kind="tcp"):
                if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port:
                    return f"process {process.pid} ({' '.join(process.cmdline())[:80] or process.name()})"
    return "a process of another user"


def check_connection(address: str, timeout_s: float = TIMEOUT_S) -> None:
    """Open and close a TCP connection to `host:port`: a fast check before a client library starts its retries.

    Raises:
        ServiceUnavailable: Nothing accepts connections there.
    """
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=timeout_s).close()
    except (OSError, ValueError) as error:
        raise ServiceUnavailable(f"{address} does not accept connections: {error}") from error
