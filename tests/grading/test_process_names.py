"""Processes and sockets are counted and limited whatever their names are: a name may be any bytes."""

from __future__ import annotations

import importlib
import os
import socket
from collections.abc import Iterator

import pytest

from eventlab.grading.environment.fork_server import ForkServer
from eventlab.grading.environment.sandbox import INSIDE
from tests.grading.forked_kernels import MEMORY_MIB, needs_bubblewrap, ready, running_fork_server

RENAMES = "import ctypes; ctypes.CDLL(None).prctl(15, b'\\xff\\xfe', 0, 0, 0)\n"
HOLDS = f"held = b'x' * ({MEMORY_MIB + 100} * 2**20)\nimport time; time.sleep(60)\n"
IN_A_CHILD = f"import os\nif os.fork() == 0:\n  exec({RENAMES + HOLDS!r})\n  os._exit(0)\nos.wait()"


@pytest.fixture(
    scope="module", params=[pytest.param(True, marks=needs_bubblewrap), False], ids=["sandbox", "bare"]
)
def fork_server(request: pytest.FixtureRequest) -> Iterator[ForkServer]:
    with running_fork_server(request.param) as running:
        yield running


@pytest.mark.services
@pytest.mark.parametrize("source", [RENAMES + HOLDS, IN_A_CHILD], ids=["the kernel", "its child"])
def test_a_process_with_a_name_that_is_no_text_is_held_to_its_memory(fork_server: ForkServer, source: str) -> None:
    for kernel in ready(fork_server):
        result = kernel.execute(source, 60)
        assert (result.ended, result.error) == ("died", "memory")


def test_sockets_are_counted_when_a_name_contains_line_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(INSIDE)
    memory = importlib.import_module("memory")
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        name = f"\0{id(server)}\nb c\n1 2 3 4 0002 6 no-number"
        server.bind(name)
        server.listen()
        client.connect(name)
        assert memory.by_unix_queues(set()) >= memory.SOCKET_BYTES, "the connection is not accepted"
        with server.accept()[0] as accepted, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagrams:
            datagrams.bind(f"\0{id(datagrams)}\n")
            counted = [memory.by_unix_queues({os.fstat(one.fileno()).st_ino}) for one in (accepted, datagrams)]
        assert counted[1] - counted[0] == memory.longest_queue() * memory.SOCKET_BYTES
