"""Explains shell commands that failed (`!kafkacat ...`): the service that the command uses is not running.

A failed command raises no error, and its output is not known here. Its exit code is known, and the services can be
probed.
"""

import contextlib
import re

from IPython.utils.text import DollarFormatter

from eventlab.explain import hdfs, machine, service
from eventlab.explain.explanation import Explain, Explanation
from eventlab.explain.failed_cell import FailedCell
from eventlab.settings import Settings

SERVICES_OF_COMMANDS = (
    (r"\b(kafkacat|kcat|kafka-[\w-]+)\b", ("kafka",)),
    (r"\b(hadoop|hdfs)\b", ("namenode", "datanode")),
    (r"\bspark-submit\b", ("kafka", "namenode", "datanode")),
)
START_COMMANDS = r"\beventlab\s+(up|restart|lab)\b"


def command_failed(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a command failed because its service does not answer, or cannot change files in safe mode."""
    commands = cell.shell_commands
    if not commands or (cell.error is not None and not cell.matches(r"CalledProcessError")):
        return None
    if re.search(START_COMMANDS, commands):
        return machine.stack_port_in_use(settings)
    for pattern, names in SERVICES_OF_COMMANDS:
        for name in names if re.search(pattern, commands) else ():
            if explanation := service.service_not_running(settings, name):
                return explanation
    if re.search(r"\b(hadoop|hdfs)\b", commands) and (explanation := hdfs.namenode_in_safe_mode(settings)):
        return explanation
    if re.search(r"\b(curl|ab)\b", commands) and str(settings.api_port) in _with_values(cell):
        return service.service_not_running(settings, "api")
    return None


def _with_values(cell: FailedCell) -> str:
    """Return the commands as IPython runs them: with the values of `{variable}` and `$variable`."""
    commands = cell.shell_commands.split("\n")
    for number, command in enumerate(commands):
        with contextlib.suppress(Exception):  # IPython does not expand a command with other braces (JSON)
            commands[number] = DollarFormatter().vformat(command, (), dict(cell.namespace))
    return "\n".join(commands)


EXPLANATIONS: list[Explain] = [command_failed]
