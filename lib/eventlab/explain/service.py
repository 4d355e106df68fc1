"""Explains services that do not answer: their process, port and log.

The other modules recognize the errors and call `service_not_running`.
"""

import re

import psutil

from eventlab.clients import ports
from eventlab.explain.explanation import Explain, Explanation
from eventlab.explain.failed_cell import FailedCell
from eventlab.settings import Settings
from eventlab.stack import process
from eventlab.stack.services import SERVICES

LOG_LINES = 60


def is_reported(cell: FailedCell, name: str, *patterns: str) -> bool:
    """Return whether the error says that a service does not answer: a pattern, or that of `course.prepare`."""
    return cell.matches(rf"LessonError: .*not running: .*\b{name}\b", *patterns)


def several_not_running(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that several services of a lesson are not running.

    Remedy: Start them, as the lesson's message says.
    """
    reported = re.search(r"LessonError: .*not running: ([\w, ]+)", cell.text)
    names = [name for name in reported[1].split(", ") if name in SERVICES] if reported else []
    found = [explanation for name in names if (explanation := service_not_running(settings, name))]
    if len(found) < 2 or any(SERVICES[name].is_external(settings) for name in names):
        return None
    return Explanation(
        " ".join(explanation.what for explanation in found),
        "; ".join(explanation.proof for explanation in found),
        f"!eventlab up {' '.join(names)}",
    )


def service_not_running(settings: Settings, name: str) -> Explanation | None:
    """Explain that a service does not answer, from its process, its port and its log.

    Returns:
        None when the service answers, or when another program answers at its port.
    """
    service, label = SERVICES[name], SERVICES[name].label
    if service.is_external(settings):
        return _external_service_unavailable(settings, name)
    record, running = process.read_record(settings, name), process.find(settings, name)
    if running is not None:
        # The probe of a stopped process (SIGSTOP) would take longer than an explanation may take.
        if running.status() != psutil.STATUS_STOPPED and answers(settings, name):
            return None
        proof = f"process {running.pid} exists ({running.status()}), but nothing answers at "
        proof += service.address(settings) + _last_log_line(settings, name)
        return Explanation(f"{label} does not answer.", proof, f"!eventlab restart {name}")
    port = service.port_numbers(settings)[0]
    if ports.is_open(port):
        return None  # a program that does not belong to this stack
    if record is None:
        what, proof = f"{label} is not running.", f"nothing listens at port {port}, and no process is recorded"
    else:
        what, proof = f"{label} has ended.", f"process {record.pid} has ended, and nothing listens at port {port}"
        proof += _last_log_line(settings, name)
    return Explanation(what, proof, f"!eventlab up {name}")


def process_phrase(settings: Settings, name: str) -> str:
    """Return " (process N)" for the service's process, or "" when there is none."""
    running = process.find(settings, name)
    return f" (process {running.pid})" if running else ""


def answers(settings: Settings, name: str) -> bool:
    """Return whether the service answers its probe."""
    return SERVICES[name].probe_problem(settings) is None


def _external_service_unavailable(settings: Settings, name: str) -> Explanation | None:
    """Explain that an external service does not answer; a service of this stack can replace it."""
    service = SERVICES[name]
    variable, problem = f"EVENTLAB_{str(service.external_setting).upper()}", service.probe_problem(settings)
    if problem is None:
        return None
    return Explanation(
        f"{service.label} does not answer. It is an external service, which this stack cannot start.",
        f"{variable}={service.address(settings)}: {problem}",
        f"unset {variable}; eventlab up {name}; make lab",
        "To use the stack's own service instead, close JupyterLab and run this in a terminal",
    )


def _last_log_line(settings: Settings, name: str) -> str:
    """Return a phrase with the last error in the service's log, or its last line; "" when the log is empty."""
    lines = process.without_stack_frames(process.log_tail(settings, name, LOG_LINES), LOG_LINES).splitlines()
    errors = [line for line in lines if re.search(r"ERROR|FATAL|Exception|No space|OutOfMemory", line)]
    line = (errors or lines or [""])[-1].strip()
    return f"; its log ends with: {line[:200]}" if line else ""


EXPLANATIONS: list[Explain] = [several_not_running]
