"""Which process holds a port, so that a taken port is refused with a name before anything starts."""

from __future__ import annotations

import contextlib
import socket

import psutil

from eventlab.settings import HOST


def is_free(port: int) -> bool:
    """Whether a service could listen on the port now (connections in TIME_WAIT do not matter)."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def is_open(port: int) -> bool:
    """Whether something accepts connections on the port."""
    with contextlib.suppress(OSError):
        socket.create_connection((HOST, port), timeout=1).close()
        return True
    return False


def holder(port: int) -> str:
    """The process that listens on the port, as a phrase; another user's can't be named without rights."""
    with contextlib.suppress(psutil.Error):
        for connection in psutil.net_connections(kind="tcp"):
            taken = connection.laddr and connection.laddr.port == port
            if taken and connection.status == psutil.CONN_LISTEN and connection.pid:
                process = psutil.Process(connection.pid)
                return f"process {process.pid} ({' '.join(process.cmdline())[:80] or process.name()})"
    return "a process of another user"
