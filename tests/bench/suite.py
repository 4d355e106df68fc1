"""The course run by `eventlab run`, against a plain loop of papermill with a Spark of its own per notebook."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from eventlab.course import run as course_run
from eventlab.settings import Settings
from eventlab.stack import config, environment, fresh_stack
from eventlab.stack.services import COURSE
from tests.bench.rows import row

LESSONS = [path for path in course_run.find_lessons() if path.stem != "09_tear_down"]
"""The last lesson ends the stack, which the plain loop has to keep: both leave it out."""


def measure(settings: Settings) -> list[dict[str, object]]:
    """Both runs include starting the stack and taking it down."""
    with tempfile.TemporaryDirectory(prefix="eventlab-bench-") as folder:
        own = _timed(
            [sys.executable, "-m", "eventlab.cli", "run", "--output", folder, *(path.stem for path in LESSONS)]
        )
        plain = _plain_loop(Path(folder))
    name, peer = f"{len(LESSONS)} lessons, eventlab run", "loop of the papermill command, a Spark per notebook"
    return [row(name, own, "s", peer, plain, aim=2)]


def _timed(command: list[str], environment: dict[str, str] | None = None) -> float:
    started = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=course_run.NOTEBOOKS)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}\n{done.stderr[-3000:]}")
    return time.monotonic() - started


def _plain_loop(folder: Path) -> float:
    """What one would write without the kit: services up, `papermill` per notebook, a Spark in each."""
    started = time.monotonic()
    others = [name for name in COURSE if name != "spark"]
    with fresh_stack(folder / "stack", course_run.OFFSETS, others) as stack:
        plain = stack.settings.model_copy(update={"external_spark_remote": "local[*]"})
        config.render(plain)
        environment.apply(plain)
        for lesson in LESSONS:
            _timed(
                [
                    sys.executable,
                    "-m",
                    "papermill",
                    "--cwd",
                    str(course_run.NOTEBOOKS),
                    str(lesson),
                    str(folder / "out.ipynb"),
                ],
                dict(os.environ),
            )
    return time.monotonic() - started
