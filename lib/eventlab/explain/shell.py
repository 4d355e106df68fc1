"""Shell commands that failed: `!kafkacat ...` raises nothing, but a learner is as stuck as after a traceback.

What such a command printed is not seen here; its exit code is, and the stack can be asked whether the service
that the command talks to is there. Nothing else about a command is guessed.
"""

from __future__ import annotations

import re
from typing import Any

from eventlab.explain import hdfs, machine, service
from eventlab.explain.explanation import Explain, Explanation
from eventlab.explain.failure import Failure

TALKS_TO = (
    (r"\b(kafkacat|kcat|kafka-[\w-]+)\b", ("kafka",)),
    (r"\b(hadoop|hdfs)\b", ("namenode", "datanode")),
    (r"\bspark-submit\b", ("kafka", "namenode", "datanode")),
)
STARTS = r"\beventlab\s+(up|restart|lab)\b"


def command_failed(failure: Failure, settings: Any) -> Explanation | None:
    """A command of the field failed, and what it talks to is away."""
    commands = failure.commands
    if not commands or (failure.error is not None and not failure.says(r"CalledProcessError")):
        return None
    if re.search(STARTS, commands):
        return machine.stack_port_taken(settings)
    for pattern, names in TALKS_TO:
        if re.search(pattern, commands):
            for name in names:
                if found := service.away(settings, name):
                    return found
    if re.search(r"\b(hadoop|hdfs)\b", commands) and (found := hdfs.in_safe_mode(settings)):
        return found
    if re.search(r"\b(curl|ab)\b", commands) and str(settings.api_port) in _resolved(failure):
        return service.away(settings, "api")
    return None


def _resolved(failure: Failure) -> str:
    """The commands with what is in their braces filled in."""

    def value(match: re.Match[str]) -> str:
        try:
            return str(eval(match[1], dict(failure.names)))
        except Exception:
            return match[0]

    return re.sub(r"\{([\w.]+)\}", value, failure.commands)


EXPLANATIONS: list[Explain] = [command_failed]
