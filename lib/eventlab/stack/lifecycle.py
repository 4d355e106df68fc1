"""Up, status, down: the same life for every service.

`up` starts in parallel what is not running and returns when each answers; whatever ends it early, nothing that
it started stays. What is running is told by asking the services, and a process counts as the stack's own by
its id and start, never by its name.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import filelock

from eventlab.clients import ports
from eventlab.errors import ServiceUnavailable
from eventlab.settings import Settings
from eventlab.stack import config, jars, java, process
from eventlab.stack.services import SERVICES, Service
from eventlab.stack.startup import Report, StackError, start_all, stop_all

MADE = (
    "data",
    "run",
    "logs",
    "conf",
    "compose",
    "saved",
    "lesson-06",
    "own-topics",
    "jupyter-token",
    "spark-token",
    "progress.json",
)
"""All that the kit makes in a state folder, beside the lock: what `reset` deletes."""


@dataclass(frozen=True)
class Status:
    """One service as it is now: `running` answered, `stopped` is not there, `crashed` should be but is not."""

    name: str
    state: str
    pid: int | None
    address: str
    rss_bytes: int
    uptime_s: float

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


def select(names: Iterable[str]) -> list[Service]:
    """The named services, all when none is named; StackError lists the names that exist."""
    wanted = list(dict.fromkeys(names)) or list(SERVICES)
    if unknown := [name for name in wanted if name not in SERVICES]:
        raise StackError(f"no service is called {', '.join(unknown)}; there are: {', '.join(SERVICES)}")
    return [SERVICES[name] for name in wanted]


def _with_needs(services: Sequence[Service]) -> list[Service]:
    """The services and those without which they can't answer, in the order of SERVICES."""
    wanted = {service.name for service in services}.union(*(service.needs for service in services))
    return [service for service in SERVICES.values() if service.name in wanted]


def status(settings: Settings, names: Iterable[str] = ()) -> list[Status]:
    """Ask every service, in parallel, and say how each is."""
    services = select(names)
    with ThreadPoolExecutor(max_workers=len(services)) as pool:
        return list(pool.map(lambda service: _status_of(settings, service), services))


def up(settings: Settings, names: Iterable[str] = (), report: Report = lambda name, phase: None) -> list[Status]:
    """Start what is not running and wait until it answers; StackError leaves nothing of this call behind.

    What a named service needs is started too; what somebody else runs is asked and must answer.
    """
    services = _with_needs(select(names))
    _require_installation(settings, services)
    _require_externals(settings, services, report)
    with _alone(settings):
        idle = [service for service in services if not _is_running(settings, service, report)]
        _require_ports(settings, idle)
        config.render(settings)
        start_all(settings, idle, report)
    return status(settings, [service.name for service in services])


def reset(settings: Settings, report: Report = lambda name, phase: None) -> None:
    """End the stack's processes and delete what the kit made in the state folder, and nothing else there."""
    with _alone(settings):
        stop_all(settings, select(()), report, grace_s=10)
        for path in (settings.state_dir / name for name in MADE):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)


def down(
    settings: Settings,
    names: Iterable[str] = (),
    report: Report = lambda name, phase: None,
    grace_s: float = 10,
) -> list[Status]:
    """End the stack's own processes, gracefully and then by force, and say how the services are now."""
    services = select(names)
    if settings.state_dir.exists():
        with _alone(settings):
            stop_all(settings, services, report, grace_s)
    return status(settings, [service.name for service in services])


def taken_ports(settings: Settings, names: Iterable[str] = ()) -> list[int]:
    """The services' ports at which none of them could listen now."""
    return [
        port for service in select(names) for port in service.port_numbers(settings) if not ports.is_free(port)
    ]


def free_offset(settings: Settings) -> int:
    """The next port offset, in steps of 100, at which no port of the stack is in use."""
    offsets = range(settings.port_offset + 100, settings.port_offset + 3000, 100)
    moved = (Settings(port_offset=offset) for offset in offsets)
    return next((each.port_offset for each in moved if not taken_ports(each)), offsets[0])


def held_ports(settings: Settings, names: Iterable[str] = ()) -> set[int]:
    """The ports on which the services' own processes and their children listen."""
    found = [process.find(settings, service.name) for service in select(names)]
    return {port for own in found if own for port in process.listening(own)}


def open_ports(settings: Settings, names: Iterable[str] = ()) -> list[int]:
    """The services' ports that still accept connections: empty is the proof that all is down."""
    return [
        port
        for service in select(names)
        if not service.is_external(settings)
        for port in service.port_numbers(settings)
        if ports.is_open(port)
    ]


def _status_of(settings: Settings, service: Service) -> Status:
    record = process.read_record(settings, service.name)
    own = record.process() if record else None
    state = "stopped"
    if service.is_external(settings):
        state = "running" if _answers(settings, service) else "stopped"
    elif own:
        state = "running" if _answers(settings, service) else "crashed"
    elif record:
        state = "crashed"
    return Status(
        name=service.name,
        state=state,
        pid=own.pid if own else None,
        address=service.address(settings),
        rss_bytes=process.resident_bytes(own) if own else 0,
        uptime_s=process.uptime_s(own) if own else 0.0,
    )


def _answers(settings: Settings, service: Service) -> bool:
    return _problem(settings, service) is None


def _problem(settings: Settings, service: Service) -> str | None:
    """Why the service does not answer; None when it does."""
    try:
        service.probe(settings)
    except ServiceUnavailable as error:
        return str(error)
    return None


def _require_installation(settings: Settings, services: Sequence[Service]) -> None:
    if lacking := jars.missing():
        raise StackError(f"{len(lacking)} jars are not there yet ({lacking[0]}, ...). Fetch them: eventlab setup")
    java.find()
    for service in services:
        if service.name == "api" and not service.is_external(settings) and not settings.api_app.exists():
            raise StackError(f"the API's file {settings.api_app} does not exist (setting EVENTLAB_API_APP)")


def _require_externals(settings: Settings, services: Sequence[Service], report: Report) -> None:
    """Refuse before anything starts when a service that somebody else runs does not answer."""
    others = [service for service in services if service.is_external(settings)]
    with ThreadPoolExecutor(max_workers=len(others) or 1) as pool:
        problems = list(pool.map(lambda service: _problem(settings, service), others))
    silent = [
        f"{service.name} (EVENTLAB_{service.external.upper()}={service.address(settings)}) does not answer: {why}"
        for service, why in zip(others, problems, strict=True)
        if why and service.external
    ]
    if silent:
        raise StackError("\n".join(silent) + "\nSomebody else runs it. To run one here, unset that variable")
    for service in others:
        report(service.name, "ready")


def _is_running(settings: Settings, service: Service, report: Report) -> bool:
    """Whether there is nothing to start; a process of ours that does not answer is ended first."""
    if service.is_external(settings):
        return True
    own = process.find(settings, service.name)
    if own is None:
        return False
    if _answers(settings, service):
        report(service.name, "ready")
        return True
    report(service.name, "stopping")
    process.stop(own)
    return False


def _require_ports(settings: Settings, services: Sequence[Service]) -> None:
    """Refuse before anything starts, naming who holds a port."""
    taken = [
        f"{service.name} needs port {port} (EVENTLAB_{setting.upper()}), which {ports.holder(port)} holds"
        for service in services
        for setting, port in zip(service.ports, service.port_numbers(settings), strict=True)
        if not ports.is_free(port)
    ]
    if taken:
        raise StackError(
            "\n".join(taken) + "\nEnd that process, or move the stack for as long as this shell is open: "
            f"export EVENTLAB_PORT_OFFSET={free_offset(settings)}"
        )


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """One command at a time changes a stack; a second waits for the first (the kernel frees a dead one's lock)."""
    folder = settings.state_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(folder / "lock", timeout=settings.start_timeout_s * 2):
            yield
    except filelock.Timeout as error:
        raise StackError(f"another eventlab command is still changing the stack in {folder}") from error
    except OSError as error:
        raise StackError(
            f"the state folder {folder} cannot be used: {error}. What is wrong with it: eventlab doctor"
        ) from error
