"""Start services in parallel, and stop them.

When a start ends early (a failure, Ctrl-C, SIGTERM), all processes that it started are stopped.
"""

import logging
import signal
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait as wait_futures
from threading import Event
from typing import TypeVar

import psutil

from eventlab.errors import END_OF_LOG, ServiceUnavailable, StackError
from eventlab.files import delete_folder
from eventlab.settings import Settings
from eventlab.signals import stop_signals_deferred, stop_signals_handled_by
from eventlab.stack import config, environment, process
from eventlab.stack.services import SERVICES, Service

logger = logging.getLogger(__name__)
T = TypeVar("T")
R = TypeVar("R")

ReportService = Callable[[str, str], None]
"""Called with a service's name and what to report: its phase, or the error that ended its start (several lines).

The phases are: preparing, starting, ready, WAITING, stopping, stopped.
"""

WAITING = "not answering yet, waiting"
POLL_S = 0.05
WATCH_S = 0.2
STALLED_S = 15.0
"""A process that uses no processor time and writes no log line for this number of seconds has stalled."""
PROGRESS_CPU_S = 0.1
"""An idle JVM uses less processor time than this in STALLED_S seconds."""


def no_report(*_: object) -> None:
    """Report nothing."""


def stop_hanging_and_list_missing(
    settings: Settings, services: Sequence[Service], report: ReportService
) -> list[Service]:
    """Stop the processes of services that hang, and return the services that do not run afterwards.

    A process that does not answer but makes progress gets time: on a busy machine, a healthy service can be slow.

    Raises:
        StackError: A process makes progress and does not answer within `start_timeout_s`; it is not stopped.
    """
    answers = in_parallel(lambda service: _answers_or_is_stopped(settings, service, report), services)
    return [service for service, answer in zip(services, answers, strict=True) if not answer]


def _answers_or_is_stopped(settings: Settings, service: Service, report: ReportService) -> bool:
    """Return True if the service answers, perhaps after a wait; otherwise stop its process and return False."""
    if service.is_external(settings):
        report(service.name, "ready")
        return True
    running = process.find(settings, service.name)
    if running is None:
        return False
    if not process.is_suspended(running) and (
        service.probe_problem(settings) is None or _wait_while_it_works(settings, service, running, report)
    ):
        report(service.name, "ready")
        return True
    logger.info("%s (process %d) does not answer and is stopped", service.name, running.pid)
    report(service.name, "stopping")
    process.stop(running)
    return False


def _wait_while_it_works(
    settings: Settings, service: Service, running: psutil.Process, report: ReportService
) -> bool:
    """Wait for a process that does not answer yet; return False when it ends or hangs."""
    report(service.name, WAITING)
    deadline = time.monotonic() + settings.start_timeout_s
    log = process.log_file(settings, service.name)
    cpu_s, log_size, last_progress = process.cpu_s(running), process.size_of(log), time.monotonic()
    needed = [name for name in service.needs if not SERVICES[name].is_external(settings)]
    while process.alive(running) and not process.is_suspended(running):
        if not all(process.find(settings, name) for name in needed):
            return False  # it cannot answer before the service that it needs is started
        try:
            service.probe(settings)
            service.after_start(settings)  # the command that started it may have been killed before
            return True
        except ServiceUnavailable as error:
            logger.debug("%s does not answer yet: %s", service.name, error.message)
        now = time.monotonic()
        if process.cpu_s(running) - cpu_s >= PROGRESS_CPU_S or process.size_of(log) != log_size:
            cpu_s, log_size, last_progress = process.cpu_s(running), process.size_of(log), now
        if now - last_progress > STALLED_S:
            return False
        if now > deadline:
            reason = f"is busy and did not answer within {settings.start_timeout_s:.0f} s. It is still running"
            raise _failure(settings, service.name, reason, f"eventlab restart {service.name}")
        time.sleep(POLL_S)
    return False


def start_all(settings: Settings, services: Sequence[Service], report: ReportService) -> None:
    """Start services in parallel and wait until all of them are ready.

    Raises:
        StackError: A service did not start, ended, or did not answer in time; all that were started are stopped.
    """
    if not services:
        return
    logger.info("starting %s", ", ".join(service.name for service in services))
    cancelled = Event()
    started: dict[str, psutil.Process] = {}
    pool = ThreadPoolExecutor(max_workers=len(services))
    try:
        with stop_signals_deferred():  # the clean-up must know, and wait for, each thread that runs
            pending = {pool.submit(_start, settings, service, report, started, cancelled) for service in services}
        while pending:
            done, pending = wait_futures(pending, WATCH_S, "FIRST_EXCEPTION")
            for future in done:
                future.result()
            _require_alive(settings, started, report)
    except BaseException:
        cancelled.set()
        with stop_signals_handled_by(signal.SIG_IGN):  # a second Ctrl-C during the clean-up after the first
            in_parallel(lambda running: process.stop(running, grace_s=2), list(started.values()))
            pool.shutdown(wait=True)  # the threads end soon, because `cancelled` is set
            stop_all(settings, services, report, grace_s=2)  # also a service that was started meanwhile
        raise
    finally:
        pool.shutdown(wait=False)


def _start(
    settings: Settings,
    service: Service,
    report: ReportService,
    started: dict[str, psutil.Process],
    cancelled: Event,
) -> None:
    """Prepare and start one service, wait for its first answer, and provision it."""
    report(service.name, "preparing")
    tmp = config.tmp_dir(settings, service.name)
    delete_folder(tmp)
    tmp.mkdir(parents=True, exist_ok=True)
    service.before_start(settings)
    if cancelled.is_set():
        return
    report(service.name, "starting")
    inherited = environment.full(settings)
    variables = {name: value for name, value in inherited.items() if name not in service.excluded_variables}
    try:
        started[service.name] = process.start(
            settings,
            service.name,
            service.command(settings),
            variables | service.extra_variables(settings),
            service.working_dir(settings),
        )
    except OSError as error:
        raise StackError(f"{service.name} could not be started: {error}") from error
    _retry(settings, service, service.probe, "did not answer", cancelled)
    _retry(settings, service, service.after_start, "could not be prepared for use", cancelled)
    if not cancelled.is_set():
        report(service.name, "ready")


def _retry(
    settings: Settings, service: Service, action: Callable[[Settings], None], failure: str, cancelled: Event
) -> None:
    """Repeat an action until it no longer raises ServiceUnavailable; `start_all` checks that the process runs."""
    deadline = time.monotonic() + settings.start_timeout_s
    while not cancelled.is_set():
        try:
            return action(settings)
        except ServiceUnavailable as error:
            logger.debug("%s: %s", service.name, error.message)
            if time.monotonic() > deadline:
                reason = f"{failure} within {settings.start_timeout_s:.0f} s ({error.message})"
                raise _failure(settings, service.name, reason) from error
        cancelled.wait(POLL_S)


def _require_alive(settings: Settings, started: dict[str, psutil.Process], report: ReportService) -> None:
    """Raise StackError as soon as a process has ended, also while probes are still waiting."""
    for name, running in list(started.items()):
        if not process.alive(running):
            error = _failure(settings, name, "died while starting")
            report(name, str(error))  # now, because stopping the other services may take seconds
            raise error


def _failure(settings: Settings, service: str, reason: str, next_command: str = "") -> StackError:
    """Return an error with the end of the service's log."""
    tail = process.without_stack_frames(process.log_tail(settings, service, lines=200)) or "(the log is empty)"
    message = f"{service} {reason}{END_OF_LOG}, {process.log_file(settings, service)}:\n{tail}"
    return StackError(message, next_command=next_command or f"eventlab logs {service}")


def stop_all(settings: Settings, services: Sequence[Service], report: ReportService, grace_s: float) -> None:
    """Stop the processes of services in parallel; each has `grace_s` seconds to end by itself."""
    in_parallel(lambda service: _stop(settings, service.name, report, grace_s), services)


def _stop(settings: Settings, service: str, report: ReportService, grace_s: float) -> None:
    if running := process.find(settings, service):
        report(service, "stopping")
        process.stop(running, grace_s)
    process.record_file(settings, service).unlink(missing_ok=True)
    if running:
        report(service, "stopped")


def in_parallel(action: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """Return the results of an action on each item; all run at the same time."""
    with ThreadPoolExecutor(max_workers=len(items) or 1) as pool:
        return list(pool.map(action, items))
