"""Starting services in parallel, all or none: whatever ends it early, nothing that was started here stays."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait as wait_futures
from contextlib import contextmanager
from threading import Event, current_thread, main_thread

import psutil

from eventlab.errors import EventlabError, ServiceUnavailable
from eventlab.settings import Settings
from eventlab.stack import config, environment, process
from eventlab.stack.probes import Probe
from eventlab.stack.services import Service, working_dir

Report = Callable[[str, str], None]
"""Called with a service's name and what happens to it now: preparing, starting, ready, stopping, stopped.

Of a service that dies it is told at once, in several lines: that, and the end of its log.
"""

POLL_S = 0.05
WATCH_S = 0.2


class StackError(EventlabError):
    """The stack could not do what was asked; the message says what, why, and what to try."""


class Died(StackError):
    """A service ended instead of answering; the message has the end of its log."""

    def __init__(self, service: str, message: str) -> None:
        super().__init__(message)
        self.service = service


def start_all(settings: Settings, services: Sequence[Service], report: Report) -> None:
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
    except BaseException as error:
        given_up.set()
        with _undisturbed():
            if isinstance(error, Died):
                report(error.service, str(error))  # ending the others may take seconds
            _stop_started(list(started.values()))  # so that no thread waits for an answer
            pool.shutdown(wait=True)
            stop_all(settings, services, report, grace_s=2)  # also what began meanwhile
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
    """Ask until the answer is no ServiceUnavailable; whether the process lives is `start_all`'s to watch."""
    deadline = time.monotonic() + settings.start_timeout_s
    while not given_up.is_set():
        try:
            return ask(settings)
        except ServiceUnavailable as error:
            if time.monotonic() > deadline:
                waited = f"{failed} within {settings.start_timeout_s:.0f} s ({error})"
                raise StackError(_obituary(settings, service, waited)) from error
        given_up.wait(POLL_S)


def _require_alive(settings: Settings, services: Sequence[Service], started: dict[str, psutil.Process]) -> None:
    """One that died is reported at once, whatever the others and its own probe are still waiting for."""
    for service in services:
        if service.name in started and not process.alive(started[service.name]):
            raise Died(service.name, _obituary(settings, service, "died while starting"))


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


def stop_all(settings: Settings, services: Sequence[Service], report: Report, grace_s: float) -> None:
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
