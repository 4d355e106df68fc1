"""Checks before a start (jars, Java, external services, free ports); a failed one raises StackError."""

import contextlib
import socket
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from eventlab.clients import ports
from eventlab.errors import StackError
from eventlab.settings import HOST, OwnSettings, Settings
from eventlab.stack import jars, java
from eventlab.stack.services import Service, select
from eventlab.stack.startup import in_parallel

AIRPLAY_PORT = 5000
MAX_OFFSET = 3600
"""Above it, Kafka's port would be an ephemeral port of Linux (from 32768), which any connection may use."""
RESERVATION_PORT = 27005
"""This port plus an offset is bound while a process uses the offset; at multiples of ten no service has it."""


def require_installation(settings: Settings, services: Sequence[Service]) -> None:
    """Raise StackError if jars or files of the services are missing, and JavaError without a suitable Java."""
    if missing := jars.missing():
        message = f"{len(missing)} of the jars are missing: {missing[0]}{', ...' if missing[1:] else ''}"
        raise StackError(message, next_command="eventlab setup")
    java.find()
    for service in services:
        service.check_installation(settings)


def require_external_services(settings: Settings, services: Sequence[Service]) -> None:
    """Raise StackError if an external service does not answer."""
    external = [service for service in services if service.is_external(settings)]
    problems = in_parallel(lambda service: service.probe_problem(settings), external)
    messages = [
        f"{service.name} (EVENTLAB_{str(service.external_setting).upper()}={service.address(settings)}) "
        f"does not answer: {problem}"
        for service, problem in zip(external, problems, strict=True)
        if problem
    ]
    if messages:
        raise StackError("\n".join(messages) + "\nIt is an external service. To run your own, unset that variable")


def require_free_ports(settings: Settings, services: Sequence[Service]) -> None:
    """Raise StackError if another program uses a port of the services; the message names its process."""
    in_use = [
        f"{service.name} needs port {port} (EVENTLAB_{setting.upper()}), which {ports.process_on(port)} uses"
        for service in services
        for setting, port in zip(service.port_settings, service.port_numbers(settings), strict=True)
        if not ports.is_free(port)
    ]
    if not in_use:
        return
    next_command = f"export EVENTLAB_PORT_OFFSET={next_free_offset(settings)}"
    if sys.platform == "darwin" and any(f"port {AIRPLAY_PORT} " in line for line in in_use):
        in_use.append("On macOS, AirPlay Receiver uses this port (System Settings, General, AirDrop & Handoff)")
        next_command = f"export EVENTLAB_API_PORT={AIRPLAY_PORT + 1}" if len(in_use) == 2 else next_command
    in_use.append("End that process, or use other ports in this shell")
    raise StackError("\n".join(in_use), next_command=next_command)


def settings_on_free_ports(
    offsets: Iterable[int],
    services: Iterable[str] = (),
    settings_class: type[Settings] = OwnSettings,
    **values: Any,
) -> Settings:
    """Return settings with the first of the port offsets at which all ports of the services are free.

    Args:
        offsets: The offsets to try.
        services: The names of the services; without names, all services.
        settings_class: The class of the settings.
        **values: Further settings, for example `state_dir`.

    Raises:
        StackError: Ports are in use at each offset.
    """
    offsets, selected = list(offsets), select(services)
    for offset in offsets:
        candidate = settings_class(port_offset=offset, **values)
        if all(ports.is_free(port) for service in selected for port in service.port_numbers(candidate)):
            return candidate
    raise _ports_in_use(offsets)


@contextlib.contextmanager
def reserved_settings(
    offsets: Sequence[int], services: Iterable[str], settings_class: type[Settings], **values: Any
) -> Iterator[Settings]:
    """Yield settings as `settings_on_free_ports`; during the block no other process gets the same offset here.

    The ports themselves are free until the services listen, so two processes that only look would choose the same.
    """
    for offset in offsets:
        with socket.socket() as reservation:
            try:
                reservation.bind((HOST, RESERVATION_PORT + offset))
                chosen = settings_on_free_ports([offset], services, settings_class, **values)
            except (OSError, StackError):
                continue
            yield chosen
            return
    raise _ports_in_use(offsets)


def _ports_in_use(offsets: Sequence[int]) -> StackError:
    return StackError(
        f"ports are in use at each of the offsets {', '.join(map(str, offsets[:8]))}. Stop the running stack",
        next_command="eventlab down",
    )


def next_free_offset(settings: Settings) -> int:
    """Return a port offset at which all ports are free: the next one in steps of 100, or else a smaller one."""
    current = settings.port_offset
    steps = range(current % 100, MAX_OFFSET, 100)
    offsets = [
        *(offset for offset in steps if offset > current),
        *(offset for offset in steps if offset <= current),
    ]
    try:
        return settings_on_free_ports(offsets, settings_class=Settings).port_offset
    except StackError:  # a port that is set explicitly does not change with the offset
        return offsets[0]
