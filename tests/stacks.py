"""Settings of further stacks for tests. Each pytest worker has its own range of port offsets."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from eventlab.settings import Settings
from eventlab.stack.requirements import settings_on_free_ports

WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
OFFSETS = range(2000 + 2000 * WORKER, 4000 + 2000 * WORKER, 50)


def free_settings(state_dir: Path, kind: type[Settings] = Settings, **more: Any) -> Settings:
    """Return settings for a stack whose ports are all free.

    Args:
        state_dir: The state folder of the stack.
        kind: The class of the settings.
        **more: Further settings.
    """
    return settings_on_free_ports(OFFSETS, kind=kind, state_dir=state_dir, **more)
