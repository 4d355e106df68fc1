"""A port in use is seen, and its holder named."""

import os
import socket
from collections.abc import Iterator

import psutil
import pytest

from eventlab.clients import ports
from tests.stacks import free_port


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", free_port())) as server:
        yield server


def port_of(server: socket.socket) -> int:
    return server.getsockname()[1]


def test_a_port_that_somebody_listens_on_is_open_and_not_free(listener: socket.socket):
    assert ports.is_open(port_of(listener))
    assert not ports.is_free(port_of(listener))


def test_a_port_is_free_and_not_open_when_its_holder_is_gone(listener: socket.socket):
    port = port_of(listener)
    listener.close()

    assert ports.is_free(port)
    assert not ports.is_open(port)


def test_a_listener_on_all_addresses_takes_the_port_too():
    with socket.create_server(("0.0.0.0", 0)) as server:
        assert not ports.is_free(port_of(server))


@pytest.mark.parametrize("address", ["::1", "::"])
def test_a_listener_at_the_other_meaning_of_localhost_takes_the_port_too(address: str):
    with socket.create_server((address, 0), family=socket.AF_INET6) as server:
        assert not ports.is_free(port_of(server))


def test_connections_that_linger_after_a_server_do_not_take_its_port(listener: socket.socket):
    port = port_of(listener)
    with socket.create_connection(("127.0.0.1", port)) as client:
        listener.accept()[0].close()  # the server's side closes first and lingers in TIME_WAIT
        client.recv(1)
    listener.close()

    assert ports.is_free(port)


def test_the_holder_is_named_with_its_pid_and_command(listener: socket.socket):
    named = ports.holder(port_of(listener))

    assert f"process {os.getpid()} (" in named
    assert psutil.Process().cmdline()[0] in named


def test_the_holder_is_named_where_listing_all_connections_is_refused(listener, monkeypatch):
    def refused(kind):
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil, "net_connections", refused)  # as on macOS without administrator rights

    assert f"process {os.getpid()} (" in ports.holder(port_of(listener))


def test_nobody_holds_a_free_port(listener: socket.socket):
    port = port_of(listener)
    listener.close()

    assert "process of another user" in ports.holder(port)
