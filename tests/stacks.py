"""Where tests' stacks are: each pytest worker has port offsets of its own, so two never try the same ports."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from eventlab.clients import ports
from eventlab.settings import Settings
from eventlab.stack.services import SERVICES

WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
OFFSETS = range(2000 + 2000 * WORKER, 4000 + 2000 * WORKER, 50)


def free_settings(state_dir: Path, kind: type[Settings] = Settings, **more: Any) -> Settings:
    """Settings of a further stack at whose ports nothing listens, beside the shared one of the other tests."""
    for offset in OFFSETS:
        moved = kind(port_offset=offset, state_dir=state_dir, **more)
        if all(ports.is_free(port) for service in SERVICES.values() for port in service.port_numbers(moved)):
            return moved
    raise AssertionError(f"no free ports at any of the offsets {OFFSETS}")
