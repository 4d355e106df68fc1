"""Up, status, down: the same life for every service.

`up` starts in parallel what is not running and returns when each answers; whatever ends it early, nothing that
it started stays. What is running is told by asking the services, and a process counts as the stack's own by
its id and start, never by its name.
"""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait as wait_futures
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from threading import Event, current_thread, main_thread

import filelock
import psutil

from eventlab.settings import Settings
from eventlab.stack import config, environment, jars, java, ports, process
from eventlab.stack.probes import NotAnswering, Probe
from eventlab.stack.services import SERVICES, Service, working_dir

Report = Callable[[str, str], None]
"""Called with a service's name and what happens to it now: preparing, starting, ready, stopping, stopped."""

POLL_S = 0.05
WATCH_S = 0.2


class StackError(RuntimeError):
    """The stack could not do what was asked; the message says what, why, and what to try."""


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


def status(settings: Settings, names: Iterable[str] = ()) -> list[Status]:
    """Ask every service, in parallel, and say how each is."""
    services = select(names)
    with ThreadPoolExecutor(max_workers=len(services)) as pool:
        return list(pool.map(lambda service: _status_of(settings, service), services))


def up(settings: Settings, names: Iterable[str] = (), report: Report = lambda name, phase: None) -> list[Status]:
    """Start what is not running and wait until it answers; StackError leaves nothing of this call behind."""
    services = select(names)
    _require_installation(settings, services)
    with _alone(settings):
        idle = [service for service in services if not _is_running(settings, service, report)]
        _require_ports(settings, idle)
        config.render(settings)
        _start_all(settings, idle, report)
    return status(settings, [service.name for service in services])


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
            _stop_all(settings, services, report, grace_s)
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
    try:
        service.probe(settings)
    except NotAnswering:
        return False
    return True


def _require_installation(settings: Settings, services: Sequence[Service]) -> None:
    if lacking := jars.missing():
        raise StackError(f"{len(lacking)} jars are not there yet ({lacking[0]}, ...). Fetch them: eventlab setup")
    java.find()
    for service in services:
        if service.name == "api" and not settings.api_app.exists():
            raise StackError(f"the API's file {settings.api_app} does not exist (setting EVENTLAB_API_APP)")


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


def _start_all(settings: Settings, services: Sequence[Service], report: Report) -> None:
    """Start in parallel; at the first failure, Ctrl-C or SIGTERM, end everything that was started here."""
    if not services:
        return
    given_up = Event()
    started: dict[str, psutil.Process] = {}
    pool = ThreadPoolExecutor(max_workers=len(services))
    try:
        pending = {pool.submit(_start, settings, service, report, started, given_up) for service in services}
        while pending:
            done, pending = wait_futures(pending, WATCH_S, "FIRST_EXCEPTION")
            for future in done:
                future.result()
            _require_alive(settings, services, started)
    except BaseException:
        given_up.set()
        with _undisturbed():
            _stop_started(list(started.values()))  # so that no thread waits for an answer
            pool.shutdown(wait=True)
            _stop_all(settings, services, report, grace_s=2)  # also what began meanwhile
        raise
    finally:
        pool.shutdown(wait=False)


def _start(
    settings: Settings, service: Service, report: Report, started: dict[str, psutil.Process], given_up: Event
) -> None:
    report(service.name, "preparing")
    tmp = config.tmp_dir(settings, service.name)
    shutil.rmtree(tmp, ignore_errors=True)
    tmp.mkdir(parents=True, exist_ok=True)
    service.prepare(settings)
    if given_up.is_set():
        return
    report(service.name, "starting")
    try:
        started[service.name] = process.start(
            settings,
            service.name,
            service.command(settings),
            {k: v for k, v in environment.full(settings).items() if k not in service.without}
            | service.variables(settings),
            working_dir(settings, service),
        )
    except OSError as error:
        raise StackError(f"{service.name} could not be started: {error}") from error
    _repeat_until_it_works(settings, service, service.probe, "did not answer", given_up)
    _repeat_until_it_works(settings, service, service.provision, "was not ready to be used", given_up)
    if not given_up.is_set():
        report(service.name, "ready")


def _repeat_until_it_works(settings: Settings, service: Service, ask: Probe, failed: str, given_up: Event) -> None:
    """Ask until the answer is no NotAnswering; whether the process lives is `_start_all`'s to watch."""
    deadline = time.monotonic() + settings.start_timeout_s
    while not given_up.is_set():
        try:
            return ask(settings)
        except NotAnswering as error:
            if time.monotonic() > deadline:
                waited = f"{failed} within {settings.start_timeout_s:.0f} s ({error})"
                raise StackError(_obituary(settings, service, waited)) from error
        given_up.wait(POLL_S)


def _require_alive(settings: Settings, services: Sequence[Service], started: dict[str, psutil.Process]) -> None:
    """One that died is reported at once, whatever the others and its own probe are still waiting for."""
    for service in services:
        if service.name in started and not process.alive(started[service.name]):
            raise StackError(_obituary(settings, service, "died while starting"))


@contextmanager
def _undisturbed() -> Iterator[None]:
    """No second Ctrl-C interrupts the clean-up after the first."""
    if current_thread() is not main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _obituary(settings: Settings, service: Service, what: str) -> str:
    log = process.log_file(settings, service.name)
    tail = process.telling(process.log_tail(settings, service.name, lines=200)) or "(the log is empty)"
    return f"{service.name} {what}. The end of its log, {log}:\n{tail}\nAll of it: eventlab logs {service.name}"


def _stop_started(started: Sequence[psutil.Process]) -> None:
    with ThreadPoolExecutor(max_workers=len(started) or 1) as pool:
        for _ in pool.map(lambda own: process.stop(own, grace_s=2), started):
            pass


def _stop_all(settings: Settings, services: Sequence[Service], report: Report, grace_s: float) -> None:
    with ThreadPoolExecutor(max_workers=len(services)) as pool:
        for _ in pool.map(lambda service: _stop(settings, service, report, grace_s), services):
            pass


def _stop(settings: Settings, service: Service, report: Report, grace_s: float) -> None:
    own = process.find(settings, service.name)
    if own:
        report(service.name, "stopping")
        process.stop(own, grace_s)
    process.forget(settings, service.name)
    if own:
        report(service.name, "stopped")


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
