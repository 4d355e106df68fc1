"""A process is counted and limited whatever its name is: a name may be bytes that are no text."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from eventlab.grading.environment.fork_server import ForkServer
from tests.grading.forked_kernels import MEMORY_MIB, needs_bubblewrap, ready, running_fork_server

RENAMES = "import ctypes; ctypes.CDLL(None).prctl(15, b'\\xff\\xfe', 0, 0, 0)\n"
HOLDS = f"held = b'x' * ({MEMORY_MIB + 100} * 2**20)\nimport time; time.sleep(10)\n"
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
        result = kernel.execute(source, 30)
        assert (result.ended, result.error) == ("died", "memory")
