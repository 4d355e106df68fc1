"""Is a service of the stack really away? What every explanation of that kind proves in the same way."""

from __future__ import annotations

import re
from typing import Any

import psutil

from eventlab.clients import ports
from eventlab.errors import ServiceUnavailable
from eventlab.explain.explanation import Explanation
from eventlab.stack import process
from eventlab.stack.services import SERVICES

LABELS = {
    "kafka": "Kafka's broker",
    "namenode": "HDFS's NameNode",
    "datanode": "HDFS's DataNode",
    "spark": "the Spark server",
    "api": "the game API",
}


def away(settings: Any, name: str) -> Explanation | None:
    """The service does not answer now: since when, what its process and its log say. None when it answers."""
    service = SERVICES[name]
    if service.is_external(settings):
        return _away_elsewhere(settings, name)
    record = process.read_record(settings, name)
    own = record.process() if record else None
    port = service.port_numbers(settings)[0]
    if own is None and ports.is_open(port):
        return None  # somebody answers there, and it is none of this stack's
    held_up = own is not None and own.status() == psutil.STATUS_STOPPED  # its probe would outlast the box's time
    if own is not None and not held_up and answers(settings, name):
        return None
    label = LABELS[name][0].upper() + LABELS[name][1:]
    if own is not None:
        proof = f"process {own.pid} is there ({own.status()}), but nothing answers at {service.address(settings)}"
        return Explanation(
            f"{label} does not answer.", proof + _last_words(settings, name), f"!eventlab restart {name}"
        )
    said = f"nothing listens at port {port}"
    if record is None:
        return Explanation(f"{label} is not running.", f"{said}, and no process of it is on record", _up(name))
    proof = f"process {record.pid} has ended, and {said}"
    return Explanation(f"{label} has ended.", proof + _last_words(settings, name), _up(name))


def pid(settings: Any, name: str) -> str:
    """The service's process as a phrase of a proof."""
    own = process.find(settings, name)
    return f" (process {own.pid})" if own else ""


def answers(settings: Any, name: str) -> bool:
    try:
        SERVICES[name].probe(settings)
    except ServiceUnavailable:
        return False
    return True


def _up(name: str) -> str:
    return f"!eventlab up {name}"


def _away_elsewhere(settings: Any, name: str) -> Explanation | None:
    """Somebody else's: it can't be started from here, but one of the kit's own can take its place."""
    service = SERVICES[name]
    try:
        service.probe(settings)
    except ServiceUnavailable as error:
        variable = f"EVENTLAB_{str(service.external).upper()}"
        return Explanation(
            f"{LABELS[name][0].upper()}{LABELS[name][1:]}, which somebody else runs, does not answer.",
            f"{variable}={service.address(settings)}: {error}",
            f"unset {variable}; eventlab up {name}; make lab",
            "To use one of your own instead, end JupyterLab and run this in a terminal",
        )
    return None


def _last_words(settings: Any, name: str) -> str:
    """The last line of its log that tells something."""
    told = process.significant_lines(process.log_tail(settings, name, 60), 60).splitlines()
    loud = [line for line in told if re.search(r"ERROR|FATAL|Exception|No space|OutOfMemory", line)]
    line = (loud or told or [""])[-1].strip()
    return f"; its log ends with: {line[:200]}" if line else ""
