"""Install what the services need: Java, the locked jars, and the start-up archives."""

from __future__ import annotations

import logging
from collections.abc import Callable

from eventlab.stack import jars, java
from eventlab.stack.setup import record_archives

logger = logging.getLogger(__name__)

ReportStage = Callable[[str, str, int, int], None]
"""Called with a stage or service, what happens to it now, its completed steps, and the number of its steps."""
RECORDING = (
    "recording. Done once per Java version, about a minute: "
    "the services start and stop while they record which classes they load"
)


def install(report: ReportStage, *, relock: bool = False) -> None:
    """Install what is missing.

    Args:
        report: Receives the progress of each stage.
        relock: Resolve stack/*/jgo.toml again and rewrite the lock files first.

    Raises:
        JavaError: No Java fits and none could be downloaded.
        JarsError: A jar could not be downloaded or is damaged.
        StackError: The services do not start.
    """
    if relock:
        lock_jars(report)
    install_java(report)
    install_jars(report)
    report("archives", "checking", 0, 1)

    def report_service(name: str, phase: str) -> None:
        if phase == "preparing":
            report("archives", RECORDING, 0, 1)
        report(name, phase, int(phase in ("ready", "stopped")), 1)

    recorded = record_archives(report_service)
    report("archives", "recorded: the services start faster now" if recorded else "all there", 1, 1)


def lock_jars(report: ReportStage) -> None:
    """Resolve stack/*/jgo.toml and rewrite the lock files."""
    for done, environment in enumerate(jars.ENVIRONMENTS, start=1):
        report("locks", f"{environment}: {jars.lock(environment)} jars locked", done, len(jars.ENVIRONMENTS))


def install_java(report: ReportStage) -> None:
    """Find a Java that fits, or download one."""
    try:
        runtime = java.find()
    except java.JavaError as error:
        logger.info("%s", error.message)
        report("java", f"downloading Java {java.FETCHED_VERSION}: no Java of this machine fits", 0, 1)
        runtime = java.find_or_fetch()
    report("java", f"Java {runtime.major} ({runtime.found_in}): {runtime.home}", 1, 1)


def install_jars(report: ReportStage) -> None:
    """Download the locked jars that are missing or damaged."""
    done, total, size = 0, 1, 0

    def show() -> None:
        downloaded = f", {size / 2**20:.1f} MiB downloaded" if size else ""
        report("jars", f"{done} of {total} as locked{downloaded}", done, total)

    def add_bytes(count: int) -> None:
        nonlocal size
        size += count
        show()

    def set_jars(as_locked: int, locked: int) -> None:
        nonlocal done, total
        done, total = as_locked, locked
        show()

    report("jars", "checking", 0, 1)
    jars.sync(add_bytes, set_jars)
