"""How long `up` takes until every service has answered, and how much memory the stack then has."""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from pathlib import Path
from unittest.mock import patch

from eventlab.settings import Settings
from eventlab.stack import Stack, archives
from eventlab.stack.services import SERVICES
from tests.bench.rows import row

ROUNDS = 3
MEMORY_LIMIT_MIB = 2048
TIME_LIMIT_S = 15


def measure(settings: Settings) -> list[dict[str, object]]:
    """Starts of the whole stack on a new and on a used state folder, with archives and, as peer, without."""
    folder = Path(tempfile.mkdtemp(prefix="eventlab-bench-"))
    own = Settings(state_dir=folder / "state", port_offset=settings.port_offset + 400)
    no_archives = patch.object(archives, "FOLDER", folder / "none")
    times: dict[str, list[float]] = {"new": [], "used": [], "new without": [], "used without": []}
    memory = 0.0
    try:
        for _ in range(ROUNDS):
            for suffix in ("", " without"):
                shutil.rmtree(own.state_dir, ignore_errors=True)
                for state in ("new", "used"):
                    seconds, resident = _timed_up(own, no_archives if suffix else None)
                    times[state + suffix].append(seconds)
                    memory = max(memory, resident) if not suffix else memory
    finally:
        Stack(own).down()
        shutil.rmtree(folder, ignore_errors=True)
    median = {name: statistics.median(values) for name, values in times.items()}
    return [
        row("up, new state folder", median["new"], "s", "without archives", median["new without"]),
        row("up, used state folder", median["used"], "s", "without archives", median["used without"]),
        row("up, new state folder", median["new"], "s", "limit", TIME_LIMIT_S, aim=1),
        row(f"memory of {len(SERVICES)} services at rest", memory, "MiB", "limit", MEMORY_LIMIT_MIB, aim=1),
    ]


def _timed_up(settings: Settings, context) -> tuple[float, float]:
    started = time.monotonic()
    if context:
        with context:
            found = Stack(settings, SERVICES).up()
    else:
        found = Stack(settings, SERVICES).up()
    seconds = time.monotonic() - started
    Stack(settings).down()
    return seconds, sum(service.rss_bytes for service in found) / 2**20
