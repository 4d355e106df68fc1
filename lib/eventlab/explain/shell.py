"""Explains shell commands that failed (`!kafkacat ...`): a service, a topic, a group, an address, braces.

A failed command raises no error, and its output is not known here. The kit's commands record their failures, other
commands can be parsed, and the services can be asked about the names in them.
"""

import os
import re
import shutil
from pathlib import Path

from eventlab.clients import kafka
from eventlab.commands.tools import program_and_arguments
from eventlab.explain import braces, hdfs, machine, service
from eventlab.explain.explanation import RUN_FIRST, Explain, Explanation, correction
from eventlab.explain.failed_cell import FailedCell, close_matches
from eventlab.explain.kafka import inspect_broker, message_count
from eventlab.explain.shell_words import (
    KAFKA_COMMANDS,
    Command,
    failed_commands,
    is_failed_command,
    must_have_failed,
    option,
    unknown_commands,
    with_values,
)
from eventlab.settings import Settings
from eventlab.stack import environment

OF_HDFS = r"(hadoop|hdfs)$"
SERVICES_OF_COMMANDS = (
    (KAFKA_COMMANDS, ("kafka",)),
    (OF_HDFS, ("namenode", "datanode")),
    (r"spark-submit$", ("kafka", "namenode", "datanode")),
)
START_COMMANDS = r"\beventlab\s+(up|restart|lab)\b"
OTHER_NAMES = {"kcat": "kafkacat"}
"""Names of programs that the kit has under another name."""


def command_failed(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a command failed because its service does not answer, or cannot change files in safe mode.

    Remedy: Start the service that the command uses.
    """
    if not is_failed_command(cell):
        return None
    text = cell.shell_commands
    if re.search(START_COMMANDS, text):
        return machine.stack_port_in_use(settings)
    for pattern, names in SERVICES_OF_COMMANDS:
        for command in failed_commands(cell, pattern):
            needed = (name for name in names if name != "kafka" or _reads_kafka(command))
            found = (service.service_not_running(settings, name) for name in needed)
            if explanation := next(filter(None, found), None):
                return explanation
    if failed_commands(cell, OF_HDFS) and (explanation := hdfs.namenode_in_safe_mode(settings)):
        return explanation
    if re.search(r"\b(curl|ab)\b", text) and str(settings.api_port) in with_values(cell):
        return service.service_not_running(settings, "api")
    return None


def _reads_kafka(command: Command) -> bool:
    """Return whether a command may use Kafka: the program of `spark-submit` does not if it never names it."""
    program = program_and_arguments(command[1:])[0] if command[0] == "spark-submit" else None
    text = Path(program).read_text(errors="replace") if program and Path(program).is_file() else "kafka"
    return bool(re.search(r"kafka|eventlab", text))


def command_not_found(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that there is no command of that name. Name the nearest one.

    Remedy: The line with the nearest command.
    """
    if not cell.shell_commands or (cell.error and not is_failed_command(cell)):
        return None
    existing = [path.name for path in environment.BIN_FOLDER.iterdir()] + ["curl", "eventlab", "ls", "cat", "echo"]
    for name in unknown_commands(cell):
        nearest = [OTHER_NAMES[name]] if name in OTHER_NAMES else close_matches(name, existing)
        for similar in nearest[:1]:
            what = f"There is no command {name!r}. Did you mean {similar!r}?"
            proof = f"no program of that name is on PATH; {similar} is {shutil.which(similar)}"
            return correction(cell, name, similar, what, proof)
    return None


def topic_of_command(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that the topic of a failed command does not exist, or exists although the command creates it.

    Remedy: The line with the nearest topic, or a command that creates or deletes the topic.
    """
    for command in _kafka_commands(cell, settings):
        topic = option(command, "--topic", "-t")
        writes = "-P" in command or command[0].startswith("kafka-console-producer")  # creates the topic
        changes = {"--create", "--delete", "--alter"} & set(command)
        if not topic or writes or re.search(r"[{}$]", topic) or (changes and not must_have_failed(cell)):
            continue
        existing, servers = kafka.list_topics(settings.bootstrap_servers), settings.bootstrap_servers
        if topic in existing:
            counts = (option(command, name) or "1" for name in ("--partitions", "--replication-factor"))
            if "--create" not in command or not all(map(str.isdigit, counts)):
                continue
            return Explanation(
                f"The topic {topic!r} exists already.",
                f"it has {message_count(servers, topic)} messages at {servers}",
                f"!kafka-topics --delete --topic {topic}",
                "It keeps its partitions and messages. To create it with others, run this, which deletes its "
                "messages, then run the cell again",
            )
        if "--create" in command:
            continue
        what, proof = f"There is no topic {topic!r}.", f"topics at {servers}: {', '.join(existing) or 'none'}"
        for similar in close_matches(topic, existing)[:1]:
            return corrected(cell, topic, similar, f"{what} Did you mean {similar!r}?", proof)
        return Explanation(what, proof, f"!kafka-topics --create --topic {topic}")
    return None


def group_of_command(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that the consumer group of a command does not exist.

    Remedy: The line with the nearest group, or a command that lists the groups.
    """
    for command in _kafka_commands(cell, settings):
        group = option(command, "--group")
        changes = {"--delete", "--reset-offsets", "--delete-offsets"} & set(command)
        if not group or not command[0].startswith("kafka-consumer-groups") or re.search(r"[{}$]", group):
            continue
        if changes and not must_have_failed(cell):
            continue
        with kafka.open_admin(settings.bootstrap_servers) as admin:
            existing = sorted(item["group_id"] for item in admin.list_groups())
        if group in existing:
            continue
        what = f"There is no consumer group {group!r}."
        proof = f"groups at {settings.bootstrap_servers}: {', '.join(existing) or 'none'}"
        for similar in close_matches(group, existing)[:1]:
            return corrected(cell, group, similar, f"{what} Did you mean {similar!r}?", proof)
        what += " Kafka creates a group when its first consumer starts."
        return Explanation(what, proof, "!kafka-consumer-groups --list", "To see the groups that exist, run this")
    return None


def broker_of_command(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that no broker answers at the address of a command, while the stack's broker answers elsewhere.

    Remedy: The line with the broker's address.
    """
    own = settings.bootstrap_servers
    for command in failed_commands(cell, KAFKA_COMMANDS):
        address = _broker(command)
        if not address or re.search(r"^-|[{}$,]", address) or not (problem := inspect_broker(address).problem):
            continue
        if inspect_broker(own).problem:
            return None
        what = f"No Kafka broker answers at {address}. The stack's broker is at {own}."
        return corrected(cell, address, own, what, f"{address}: {problem}; {own} answers")
    return None


def corrected(cell: FailedCell, old: str, new: str, what: str, proof: str) -> Explanation | None:
    """Explain with the corrected line; if the text is the value of a variable of the shell, with its new value."""
    if explanation := correction(cell, old, new, what, proof):
        return explanation
    for variable in re.findall(r"\$\{?(\w+)", cell.shell_commands):
        if os.environ.get(variable) == old:
            return Explanation(what, f"{proof}; ${variable} is {old!r}", f"%env {variable}={new}", RUN_FIRST)
    return None


def _broker(command: Command) -> str | None:
    return option(command, "-b", "--bootstrap-server", "--broker-list")


def _kafka_commands(cell: FailedCell, settings: Settings) -> list[Command]:
    """Return the cell's failed commands of the stack's Kafka."""
    port = settings.bootstrap_servers.rpartition(":")[2]
    own = {settings.bootstrap_servers, f"localhost:{port}", f"127.0.0.1:{port}"}
    found = failed_commands(cell, KAFKA_COMMANDS) if is_failed_command(cell) else []
    return [command for command in found if _broker(command) in {None, *own}]


EXPLANATIONS: list[Explain] = [
    *braces.EXPLANATIONS,
    command_failed,
    command_not_found,
    broker_of_command,
    topic_of_command,
    group_of_command,
]
