"""Command line of `kafkacat`: parser and errors."""

import getopt
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END

from eventlab.errors import EventlabError

USAGE = "Usage: kafkacat -C|-P|-L [-b <brokers>] [-t <topic>] <options>"
OFFSETS = {"beginning": OFFSET_BEGINNING, "end": OFFSET_END}
OFFSET_TAIL_BASE = -2000  # librdkafka's code for "the last n messages" is this minus n


class UsageError(EventlabError):
    """The command line is wrong: printed with the usage line, exit code 1."""


class FatalError(EventlabError):
    """The run cannot continue: printed as `% ERROR: ...`, exit code 1."""


@dataclass(frozen=True)
class Options:
    """A parsed command line.

    Attributes:
        mode: "C", "P", "L", or "" when none is given.
        partition: -1 means all partitions when consuming, and the one that the key selects when producing.
        offset: An offset, or one of librdkafka's negative codes for a logical offset.
    """

    help: bool = False
    mode: str = ""
    brokers: str = ""
    topic: str = ""
    partition: int = -1
    offset: int = OFFSET_BEGINNING
    exit_at_end: bool = False
    count: int = sys.maxsize
    quiet: bool = False
    format: bytes | None = None
    key_delimiter: bytes | None = None


def parse(argv: Sequence[str], default_brokers: str) -> Options:
    """Parse the arguments (without the command's name); the last value of a repeated flag counts.

    Raises:
        UsageError: A flag or value is wrong, or the topic is missing.
        FatalError: There are two modes, or an escape sequence is wrong.
    """
    try:
        pairs, rest = getopt.gnu_getopt(list(argv), "CPLb:t:p:o:ec:qf:K:uh", ["help"])
    except getopt.GetoptError as error:
        raise UsageError(f"unknown argument: {error}") from error
    flags = dict(pairs)
    if "-h" in flags or "--help" in flags:
        return Options(help=True)
    modes = [flag[1] for flag in flags if flag in ("-C", "-P", "-L")]
    if len(modes) > 1:
        raise FatalError(f"Do not mix modes: -{modes[1]} seen when -{modes[0]} already set")
    if rest:
        raise UsageError(f"unexpected argument: {rest[0]}")
    if not flags.get("-t") and modes != ["L"]:
        raise UsageError("-t <topic> missing")
    start = flags.get("-o", "beginning")
    offset = OFFSETS.get(start) or _number("-o", start, "beginning, end, <offset> or -<count>")
    return Options(
        mode="".join(modes),
        brokers=flags.get("-b", default_brokers),
        topic=flags.get("-t", ""),
        partition=_number("-p", flags.get("-p", "-1")),
        offset=OFFSET_TAIL_BASE + offset if start.startswith("-") else offset,
        exit_at_end="-e" in flags,
        count=max(0, _number("-c", flags.get("-c", "0"))) or sys.maxsize,
        quiet="-q" in flags,
        format=os.fsencode(flags["-f"]) if "-f" in flags else None,
        key_delimiter=unescape(os.fsencode(flags["-K"])) if "-K" in flags else None,
    )


def unescape(text: bytes) -> bytes:
    r"""Replace `\n`, `\t`, `\r`, `\xHH` and `\NNN` (decimal, or octal with a leading 0) as kcat does; `\q` is `q`.

    Raises:
        FatalError: `\x` has no digits.
    """
    pattern = rb"\\(x[0-9A-Fa-f]*|0[xX][0-9A-Fa-f]+|0[0-7]*|[1-9][0-9]*|.)"
    return re.sub(pattern, lambda match: _unescaped(match[1]), text, flags=re.DOTALL)


def print_info(message: str) -> None:
    """Print a message on stderr as kcat does."""
    print(f"% {message}", file=sys.stderr, flush=True)


def _unescaped(code: bytes) -> bytes:
    if code == b"x":
        raise FatalError(r"\x expects a hex number")
    if code[:1] not in b"x0123456789":
        return {b"n": b"\n", b"t": b"\t", b"r": b"\r"}.get(code, code)
    base = 16 if b"x" in code.lower() else 8 if code[:1] == b"0" else 10
    return bytes([int(code.removeprefix(b"x"), base) & 0xFF])


def _number(flag: str, value: str, expected: str = "a number") -> int:
    try:
        return int(value)
    except ValueError:
        raise UsageError(f"{flag} expects {expected}, not {value!r}") from None
