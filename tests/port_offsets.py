"""The port offsets of this pytest worker, for the stacks that its tests start."""

from __future__ import annotations

import os

WORKERS = 3
"""The largest number of pytest workers."""
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
FIRST = int(os.environ.get("TEST_PORT_OFFSET", "1000"))


def offsets_of(worker: int) -> range:
    """Return the offsets of a worker.

    The stacks of all workers share no port. All ports are below Linux's range of ephemeral ports, which any
    outgoing connection may use (`tests/stack/test_requirements.py` checks both).
    """
    return range(FIRST + 17 * worker, FIRST + 1800, 17 * WORKERS)


OFFSETS = offsets_of(WORKER)
