"""Free ports and settings for the stacks and servers that a test starts itself."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Any

from eventlab.settings import Settings
from eventlab.stack.requirements import settings_on_free_ports
from tests.port_offsets import OFFSETS

_unused = deque(OFFSETS[1:])  # the first offset is that of the fixture `stack`


def free_offset() -> int:
    """Return a port offset at which all ports are free, and which no other test uses now.

    An offset is returned again only after all others of this worker.
    """
    offset = settings_on_free_ports(_unused).port_offset
    _unused.remove(offset)
    _unused.append(offset)
    return offset


def free_port() -> int:
    """Return a free port for a server that is no service of a stack."""
    return 5000 + free_offset()


def free_settings(state_dir: Path, settings_class: type[Settings] = Settings, **more: Any) -> Settings:
    """Return settings for a stack whose ports are all free.

    Args:
        state_dir: The state folder of the stack.
        settings_class: The class of the settings.
        **more: Further settings.
    """
    return settings_class(state_dir=state_dir, port_offset=free_offset(), **more)
