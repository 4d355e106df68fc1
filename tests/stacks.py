"""Where tests' stacks are: each pytest worker has port offsets of its own, so two never try the same ports."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from eventlab.settings import Settings
from eventlab.stack.requirements import settings_on_free_ports

WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
OFFSETS = range(2000 + 2000 * WORKER, 4000 + 2000 * WORKER, 50)


def free_settings(state_dir: Path, kind: type[Settings] = Settings, **more: Any) -> Settings:
    """Settings of a further stack at whose ports nothing listens, beside the shared one of the other tests."""
    return settings_on_free_ports(OFFSETS, kind=kind, state_dir=state_dir, **more)
