"""The state of a service: running, stopped or crashed."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

from eventlab.errors import ServiceUnavailable
from eventlab.settings import Settings
from eventlab.stack import process
from eventlab.stack.services import Service


@dataclass(frozen=True)
class Status:
    """One service at one moment.

    Attributes:
        name: The service.
        state: `running` (it answered a real request), `stopped`, or `crashed` (its process has ended or does not
            answer).
        pid: Its process id, if this stack started it.
        address: Where its clients find it.
        rss_bytes: Resident memory with that of its child processes.
        uptime_s: Seconds since its start.
    """

    name: str
    state: str
    pid: int | None
    address: str
    rss_bytes: int
    uptime_s: float

    def as_dict(self) -> dict[str, object]:
        """Return the fields as a dictionary."""
        return asdict(self)


def status_of(settings: Settings, service: Service) -> Status:
    """Probe one service."""
    record = process.read_record(settings, service.name)
    running = record.process() if record else None
    started = service.is_external(settings) or running is not None
    if started and problem_of(settings, service) is None:
        state = "running"
    else:
        state = "crashed" if record and not service.is_external(settings) else "stopped"
    return Status(
        name=service.name,
        state=state,
        pid=running.pid if running else None,
        address=service.address(settings),
        rss_bytes=process.resident_bytes(running) if running else 0,
        uptime_s=process.uptime_s(running) if running else 0.0,
    )


def problem_of(settings: Settings, service: Service) -> str | None:
    """Return why a service does not answer, or None when it answers."""
    try:
        service.probe(settings)
    except ServiceUnavailable as error:
        return error.message
    return None


def problems_of(settings: Settings, services: Sequence[Service]) -> list[str | None]:
    """Return `problem_of` each service, all asked at the same time."""
    with ThreadPoolExecutor(max_workers=len(services) or 1) as pool:
        return list(pool.map(lambda service: problem_of(settings, service), services))
