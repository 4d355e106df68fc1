"""Ports are free or in use, and the process that uses a port is named."""

import os
import socket
from collections.abc import Iterator

import psutil
import pytest

from eventlab.clients import ports
from tests.stacks import free_port


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Listen on a port that no outgoing connection uses after the listener is closed."""
    with socket.create_server(("127.0.0.1", free_port())) as server:
        yield server


def port_of(server: socket.socket) -> int:
    """Return the port of a listener."""
    return server.getsockname()[1]


def test_a_port_with_a_listener_is_open_and_not_free(listener: socket.socket):
    assert ports.is_open(port_of(listener))
    assert not ports.is_free(port_of(listener))


def test_a_port_without_a_listener_is_free_and_not_open(listener: socket.socket):
    port = port_of(listener)
    listener.close()

    assert ports.is_free(port)
    assert not ports.is_open(port)


def test_a_port_with_a_listener_on_all_addresses_is_not_free():
    with socket.create_server(("0.0.0.0", 0)) as server:
        assert not ports.is_free(port_of(server))


@pytest.mark.parametrize("address", ["::1", "::"])
def test_a_port_with_a_listener_on_ipv6_is_not_free(address: str):
    with socket.create_server((address, 0), family=socket.AF_INET6) as server:
        assert not ports.is_free(port_of(server))


def test_a_port_with_connections_in_time_wait_is_free(listener: socket.socket):
    port = port_of(listener)
    with socket.create_connection(("127.0.0.1", port)) as client:
        listener.accept()[0].close()  # the server's side closes first and lingers in TIME_WAIT
        client.recv(1)
    listener.close()

    assert ports.is_free(port)


def test_the_process_at_a_port_is_named_with_its_id_and_command(listener: socket.socket):
    name = ports.process_on(port_of(listener))

    assert f"process {os.getpid()} (" in name
    assert psutil.Process().cmdline()[0] in name


def test_the_process_at_a_port_is_named_where_listing_all_connections_is_refused(listener, monkeypatch):
    def refused(kind):
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil, "net_connections", refused)  # as on macOS without administrator rights

    assert f"process {os.getpid()} (" in ports.process_on(port_of(listener))


def test_without_a_process_of_this_user_another_user_is_named(listener: socket.socket):
    port = port_of(listener)
    listener.close()

    assert "process of another user" in ports.process_on(port)
