"""The functions of `Stack` under their former names."""

from __future__ import annotations

from collections.abc import Iterable

from eventlab.errors import StackError as StackError
from eventlab.settings import Settings
from eventlab.stack.requirements import free_offset as free_offset
from eventlab.stack.requirements import ports_in_use as taken_ports  # noqa: F401
from eventlab.stack.services import SERVICES
from eventlab.stack.services import select as select
from eventlab.stack.stack import Stack
from eventlab.stack.startup import Report, no_report
from eventlab.stack.status import Status


def up(settings: Settings, names: Iterable[str] = (), report: Report = no_report) -> list[Status]:
    return Stack(settings, SERVICES, report).up(names)


def down(
    settings: Settings, names: Iterable[str] = (), report: Report = no_report, grace_s: float = 10
) -> list[Status]:
    return Stack(settings, SERVICES, report, grace_s).down(names)


def status(settings: Settings, names: Iterable[str] = ()) -> list[Status]:
    return Stack(settings).status(names)


def reset(settings: Settings, report: Report = no_report) -> None:
    Stack(settings, SERVICES, report).reset()


def held_ports(settings: Settings, names: Iterable[str] = ()) -> set[int]:
    return Stack(settings).listening_ports(names)


def open_ports(settings: Settings, names: Iterable[str] = ()) -> list[int]:
    return Stack(settings).open_ports(names)
