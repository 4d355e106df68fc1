"""The shell commands of a cell as lists of words, with the values that Jupyter and the shell put into them."""

import contextlib
import os
import re
import shlex
import shutil
from collections.abc import Mapping, Sequence

from IPython.utils.text import DollarFormatter

from eventlab.explain.failed_cell import FailedCell

Command = Sequence[str]
KIT_COMMANDS = r"(kafkacat|kafka-[\w-]+|hadoop|hdfs|spark-submit|pyspark)$"
KAFKA_COMMANDS = r"(kafkacat|kafka-[\w-]+)$"
HANDLED = r"\|\||\b(if|while|until)\b"
"""A command may fail in such a line: the line does something else then."""
ASSIGNMENT = re.compile(r"^\s*(?:export\s+)?([A-Za-z_]\w*)=(['\"]?)([^\s'\"$]*)\2\s*$", re.MULTILINE)


def commands(cell: FailedCell) -> list[Command]:
    """Return the cell's commands as lists of words, without redirections and assignments."""
    result: list[Command] = []
    text = with_values(cell).replace("\\\n", " ")
    for line in text.split("\n"):
        with contextlib.suppress(ValueError):
            lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
            lexer.whitespace_split = True
            words: list[str] = []
            for word in [*lexer, ";"]:
                if re.fullmatch(r"[;&|()<>]+", word):
                    result += [words] if words else []
                    words = []
                elif words or not re.match(r"\w+=", word):
                    words.append(word)
    return result


def failed_commands(cell: FailedCell, names: str = KIT_COMMANDS) -> list[Command]:
    """Return the kit's commands that failed; where that is not recorded, as in a terminal, all of the cell.

    `must_have_failed` tells the two cases apart.
    """
    found = commands(cell) if cell.failed is None else cell.failed
    return [command for command in found if re.match(names, command[0])]


def must_have_failed(cell: FailedCell) -> bool:
    """Return whether the commands of `failed_commands` have failed for certain.

    A command that creates or deletes something leaves the same state when it has worked. So only its failure
    proves that this state was there before.
    """
    return bool(cell.failed)


def other_commands(cell: FailedCell) -> list[Command]:
    """Return the commands of other programs (`curl`) that may have failed, which are not recorded."""
    return commands(cell) if is_failed_command(cell) else []


def is_failed_command(cell: FailedCell) -> bool:
    """Return whether the cell's commands may have failed, and its error, if any, is that of a command."""
    if not cell.shell_commands or not (cell.error is None or cell.matches(r"CalledProcessError")):
        return False
    return cell.error is not None or cell.exit_code != 0 or bool(cell.failed)


def is_suspect(cell: FailedCell) -> bool:
    """Return whether a command of the cell failed, as far as that is known without asking a service.

    Of a pipe, the exit code is that of the last command. A failure of another one counts if no `||` handles it.
    """
    if not cell.shell_commands:
        return False
    if cell.exit_code:
        return True
    if unset_names(cell) or unquoted_json(cell):
        return True
    if re.search(HANDLED, cell.shell_commands):
        return False
    return bool(cell.failed) or ("|" in cell.shell_commands and bool(unknown_commands(cell)))


def unset_names(cell: FailedCell) -> list[str]:
    """Return the `$names` of a `%%bash` cell that only Python has, or that are the kit's in capital letters."""
    script = re.sub(r"'[^']*'", "", cell.shell_commands) if cell.is_shell_cell else ""
    if re.search(r"<<-?\s*['\"\\\\]", script) or "<<'" in cell.source:
        return []
    names = dict.fromkeys(re.findall(r"(?<!\\)\$\{?([A-Za-z_]\w*)\b(?!:)", script))
    any_name, sets = "|".join(names), r"for|read|local|declare|export|mapfile|printf\s+-v"
    known = rf"\b({any_name})=|\b(?:{sets})\s[^\n;]*\b({any_name})\b"
    own = {name for match in re.findall(known, script) for name in match} if names else set()
    return [
        name
        for name in names
        if name not in (*own, *os.environ)
        and (
            isinstance(cell.namespace.get(name), str | int)
            or (name in ("broker", "api", "topic") and name.upper() in os.environ)
        )
    ]


def unquoted_json(cell: FailedCell) -> str | None:
    """Return the JSON that a cell sends to Kafka with `echo` without single quotes around it, or None."""
    text = re.search(
        r"^[ \t]*!?echo\s+(\{[^'\n|{}$]*\"[^'\n|{}$]*\})\s*\|\s*kafka(?!.*\s-L)", cell.source, re.MULTILINE
    )
    return text[1] if text and '\\"' not in text[1] and cell.shell_commands else None


def unknown_commands(cell: FailedCell) -> list[str]:
    """Return the names of commands that no program has."""
    names = (command[0] for command in commands(cell))
    return [name for name in names if re.fullmatch(r"[A-Za-z][\w.-]*", name) and not shutil.which(name)]


def option(command: Command, *names: str) -> str | None:
    """Return the value of an option: the next word, or what follows `=`."""
    for number, word in enumerate(command):
        if word in names and number + 1 < len(command):
            return command[number + 1]
        name, equals, value = word.partition("=")
        if name in names and equals:
            return value
    return None


def with_values(cell: FailedCell) -> str:
    """Return the commands with the values of variables: Jupyter's `{name}` and `$name`, then the shell's `$NAME`.

    In a `%%bash` cell, Jupyter replaces nothing.
    """
    text = cell.shell_commands
    if not cell.is_shell_cell:
        lines = (line if (value := expanded(line, cell)) is None else value for line in text.split("\n"))
        text = "\n".join(lines)
    assigned = {match[1]: match[3] for match in ASSIGNMENT.finditer(text)}
    return _with_environment(text, dict(os.environ) | assigned)


def expanded(line: str, cell: FailedCell) -> str | None:
    """Return the line as IPython expands it, or None if it has braces that are not a Python expression."""
    with contextlib.suppress(Exception):
        return str(DollarFormatter().vformat(line, (), dict(cell.namespace)))
    return None


def _with_environment(text: str, variables: Mapping[str, str]) -> str:
    """Return the text with the values of `$NAME` and `${NAME}`; those without a value stay."""
    return re.sub(r"\$(?:(\w+)|\{(\w+)\})", lambda match: variables.get(match[1] or match[2], match[0]), text)
