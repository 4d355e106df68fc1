"""Explains shell commands that failed (`!kafkacat ...`): a service, a topic, a group, a path, or a name in braces.

A failed command raises no error, and its output is not known here. Its exit code is known, the command can be
parsed, and the services can be asked about the names in it.
"""

import contextlib
import re
import shlex
import shutil
from collections.abc import Sequence
from urllib.parse import urlsplit

from IPython.utils.text import DollarFormatter

from eventlab.clients import kafka, ports
from eventlab.explain import hdfs, machine, service
from eventlab.explain.explanation import REPLACE_LINE, Explain, Explanation, correction
from eventlab.explain.failed_cell import FailedCell, close_matches
from eventlab.explain.kafka import message_count
from eventlab.settings import Settings
from eventlab.stack import environment

SERVICES_OF_COMMANDS = (
    (r"\b(kafkacat|kcat|kafka-[\w-]+)\b", ("kafka",)),
    (r"\b(hadoop|hdfs)\b", ("namenode", "datanode")),
    (r"\bspark-submit\b", ("kafka", "namenode", "datanode")),
)
START_COMMANDS = r"\beventlab\s+(up|restart|lab)\b"
NAME_IN_BRACES = r"(?<!\{)\{([A-Za-z_][\w.]*)\}(?!\})"
Command = Sequence[str]


def command_failed(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a command failed because its service does not answer, or cannot change files in safe mode.

    Remedy: Start the service that the command uses.
    """
    commands = cell.shell_commands
    if not is_failed_command(cell):
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


def name_in_braces(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a literal `{name}` reached the command, because the line has other braces too.

    Remedy: The line with JSON's braces written twice.
    """
    if not is_failed_command(cell):
        return None
    for line in cell.source.split("\n"):
        names = [name for name in re.findall(NAME_IN_BRACES, line) if name.split(".")[0] in cell.namespace]
        if not line.lstrip().startswith("!") or not names or _expanded(line, cell) is not None:
            continue
        doubled = line.strip().replace("{", "{{").replace("}", "}}")
        for name in names:
            doubled = doubled.replace(f"{{{{{name}}}}}", f"{{{name}}}")
        if _expanded(doubled, cell) is None:
            continue
        return Explanation(
            f"The command got the text {{{names[0]}}} and not its value. Jupyter replaces nothing in a line that "
            "has other braces too, such as JSON's.",
            f"the variable {names[0]} exists; Jupyter cannot expand the line as it is, but the line below",
            doubled,
            f"{REPLACE_LINE} (JSON's braces are written twice)",
        )
    return None


def command_not_found(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain a misspelt name of a command.

    Remedy: The line with the nearest command.
    """
    existing = [path.name for path in environment.BIN_FOLDER.iterdir()] + ["curl", "eventlab", "ls", "cat", "echo"]
    for command in commands(cell) if is_failed_command(cell) else ():
        if shutil.which(command[0]) or not re.fullmatch(r"[\w.-]+", command[0]):
            continue
        for similar in close_matches(command[0], existing)[:1]:
            what = f"There is no command {command[0]!r}. Did you mean {similar!r}?"
            proof = f"no program of that name is on PATH; {similar} is {shutil.which(similar)}"
            return correction(cell, command[0], similar, what, proof)
    return None


def topic_of_command(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that the topic of a command does not exist, or that a topic to create exists.

    Remedy: The line with the nearest topic, or a command that creates or deletes the topic.
    """
    for command in _kafka_commands(cell, settings):
        topic = option(command, "--topic", "-t")
        writes = "-P" in command or command[0].startswith("kafka-console-producer")  # creates the topic
        if not topic or writes or re.search(r"[{}$]", topic):
            continue
        existing, servers = kafka.list_topics(settings.bootstrap_servers), settings.bootstrap_servers
        if topic in existing:
            if "--create" not in command:
                continue
            return Explanation(
                f"The topic {topic!r} exists already.",
                f"it has {message_count(servers, topic)} messages at {servers}",
                f"!kafka-topics --delete --topic {topic}",
                "You can use the topic as it is. If you do not need its messages: run this, then the cell again",
            )
        what, proof = f"There is no topic {topic!r}.", f"topics at {servers}: {', '.join(existing) or 'none'}"
        for similar in close_matches(topic, existing)[:1]:
            return correction(cell, topic, similar, f"{what} Did you mean {similar!r}?", proof)
        return Explanation(what, proof, f"!kafka-topics --create --topic {topic}")
    return None


def group_of_command(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that the consumer group of a command does not exist.

    Remedy: The line with the nearest group, or a command that lists the groups.
    """
    for command in _kafka_commands(cell, settings):
        group = option(command, "--group")
        if not group or not command[0].startswith("kafka-consumer-groups"):
            continue
        with kafka.open_admin(settings.bootstrap_servers) as admin:
            existing = sorted(item["group_id"] for item in admin.list_groups())
        if group in existing:
            continue
        what = f"There is no consumer group {group!r}."
        proof = f"groups at {settings.bootstrap_servers}: {', '.join(existing) or 'none'}"
        for similar in close_matches(group, existing)[:1]:
            return correction(cell, group, similar, f"{what} Did you mean {similar!r}?", proof)
        what += " Kafka creates a group when its first consumer starts."
        return Explanation(what, proof, "!kafka-consumer-groups --list", "To see the groups that exist, run this")
    return None


def address_of_command(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that nothing listens at the address of `curl` or `ab`, while the game API runs elsewhere.

    Remedy: The line with the API's address.
    """
    for command in commands(cell) if is_failed_command(cell) else ():
        for word in command[1:] if command[0] in ("curl", "ab") else ():
            url = urlsplit(word if "//" in word else f"//{word}")
            if url.hostname not in ("localhost", "127.0.0.1") or not url.port or ports.is_open(url.port):
                continue
            api = urlsplit(settings.api_url)
            if url.port == api.port or not service.answers(settings, "api"):
                continue
            what = f"Nothing listens at {url.netloc}. The game API is at {api.netloc}."
            return correction(
                cell, url.netloc, api.netloc, what, f"port {url.port} is closed; {api.netloc} answers"
            )
    return None


def is_failed_command(cell: FailedCell) -> bool:
    """Return whether the cell has shell commands, and its error, if any, is that of a command."""
    return bool(cell.shell_commands) and (cell.error is None or cell.matches(r"CalledProcessError"))


def _kafka_commands(cell: FailedCell, settings: Settings) -> list[Command]:
    """Return the cell's commands of the stack's Kafka."""
    found = commands(cell) if is_failed_command(cell) else []
    others = (option(command, "-b", "--bootstrap-server") for command in found)
    if any(address and address != settings.bootstrap_servers for address in others):
        return []
    return [command for command in found if re.match(r"(kafkacat|kcat|kafka-)", command[0])]


def option(command: Command, *names: str) -> str | None:
    """Return the value of an option: the next word, or what follows `=`."""
    for number, word in enumerate(command):
        if word in names and number + 1 < len(command):
            return command[number + 1]
        name, equals, value = word.partition("=")
        if name in names and equals:
            return value
    return None


def commands(cell: FailedCell) -> list[Command]:
    """Return the cell's commands as lists of words, without redirections and variables of the shell."""
    result: list[Command] = []
    for line in _with_values(cell).split("\n"):
        with contextlib.suppress(ValueError):
            lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
            lexer.whitespace_split = True
            words: list[str] = []
            for word in [*lexer, ";"]:
                if not re.fullmatch(r"[;&|()<>]+", word):
                    words.append(word)
                elif words:
                    result.append(words)
                    words = []
    return result


def _with_values(cell: FailedCell) -> str:
    """Return the commands as IPython runs them: with the values of `{variable}` and `$variable`."""
    lines = cell.shell_commands.split("\n")
    return "\n".join(line if (expanded := _expanded(line, cell)) is None else expanded for line in lines)


def _expanded(line: str, cell: FailedCell) -> str | None:
    """Return the line as IPython expands it, or None if it has braces that are no Python expression."""
    with contextlib.suppress(Exception):
        return str(DollarFormatter().vformat(line, (), dict(cell.namespace)))
    return None


EXPLANATIONS: list[Explain] = [
    name_in_braces,
    command_failed,
    command_not_found,
    topic_of_command,
    group_of_command,
    address_of_command,
]
