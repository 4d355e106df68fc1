"""Explains that a service answers now, but did not answer the cell in time: a busy machine can be the reason."""

import os
import re
import time

from eventlab.explain import service
from eventlab.explain.explanation import Explain, Explanation
from eventlab.explain.failed_cell import FailedCell
from eventlab.explain.kafka import has_stack_port, is_stack_broker
from eventlab.settings import Settings
from eventlab.stack import process
from eventlab.stack.services import SERVICES

LATE = {
    "kafka": (
        r"^kafka\.errors\.KafkaTimeoutError",
        r"org\.apache\.kafka\.common\.errors\.TimeoutException",
        r"Kafka does not answer at (?!.*Connection refused)",
        r"Kafka at \S+ did not acknowledge",
    ),
    "namenode": (r"HDFS does not answer at \S+ \(\w*Timeout\)",),
    "spark": (r"Spark Connect does not answer at \S+ .*(DEADLINE_EXCEEDED|timed out)",),
}
"""What clients report when an answer is late, by the name of the service. A refused one does not count."""
CLIENTS = ("KafkaProducer", "KafkaConsumer", "KafkaAdminClient")
OWN_LIMITS = re.compile(r"(?<!consumer_)timeout|max[._]block|security|sasl|ssl", re.IGNORECASE)
"""Words of options that can be the cause themselves: a time limit of the program's own, or security."""


def answered_too_late(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a service answers now, and did not answer while the client waited.

    Remedy: A command that shows the state of the services.
    """
    name = next((name for name, patterns in LATE.items() if cell.matches(*patterns)), None)
    running = process.find(settings, name) if name and cell.error else None
    if name is None or running is None or OWN_LIMITS.search(_program(cell)):
        return None
    if name == "kafka" and not _uses_stack_broker(cell, settings):
        return None
    before = time.monotonic()
    if not service.answers(settings, name):
        return None
    taken_ms = (time.monotonic() - before) * 1000
    address = SERVICES[name].address(settings)
    load = f"{os.getloadavg()[0]:.1f} processes on average used or waited for {os.cpu_count()} processors"
    return Explanation(
        f"{SERVICES[name].label} did not answer in time, but it answers now. The machine may be too busy.",
        f"process {running.pid} answers at {address} after {taken_ms:.0f} ms; in the last minute, {load}",
        "!eventlab status",
        "Run the cell again. If it fails again, close other programs; this shows the state of the services",
    )


def _uses_stack_broker(cell: FailedCell, settings: Settings) -> bool:
    """Return whether the cell and its clients, also those of earlier cells, name the stack's broker or none."""
    clients = [value.config for value in cell.variables.values() if type(value).__name__ in CLIENTS]
    texts = [_program(cell), *(f"{client.get('bootstrap_servers')}," for client in clients)]
    ports = {port for text in texts for port in re.findall(r"[\w.]:(\d+)(?=['\",])", text)}
    return is_stack_broker(cell, settings) and has_stack_port(ports, settings)


def _program(cell: FailedCell) -> str:
    """Return the cell's program and the statements that set its variables."""
    return "\n".join([cell.program, *(cell.assignment_of(name) or "" for name in cell.variables)])


EXPLANATIONS: list[Explain] = [answered_too_late]
