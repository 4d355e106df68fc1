"""Settings of further stacks for tests. Each pytest worker has its own range of port offsets."""

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
    """Return settings for a stack whose ports are all free.

    Args:
        state_dir: The state folder of the stack.
        kind: The class of the settings.
        more: Further settings.
    """
    for offset in OFFSETS:
        moved = kind(port_offset=offset, state_dir=state_dir, **more)
        if all(ports.is_free(port) for service in SERVICES.values() for port in service.port_numbers(moved)):
            return moved
    raise AssertionError(f"no free ports at any of the offsets {OFFSETS}")
