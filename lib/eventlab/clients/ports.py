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
    for process in psutil.process_iter():  # one by one: macOS refuses to list all connections at once
        with contextlib.suppress(psutil.Error):
            for link in process.net_connections(kind="tcp"):
                if link.laddr and link.laddr.port == port and link.status == psutil.CONN_LISTEN:
                    return f"process {process.pid} ({' '.join(process.cmdline())[:80] or process.name()})"
    return "a process of another user"
