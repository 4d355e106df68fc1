"""Command line of `kafkacat`: help text, parser and errors."""

from __future__ import annotations

import getopt
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END

from eventlab.errors import EventlabError

USAGE = "Usage: kafkacat -C|-P|-L [-b <brokers>] [-t <topic>] <options>"
HELP = rf"""{USAGE}

kafkacat reads, writes and lists Kafka topics. Its flags and output are those of kcat, which has more flags.

  kafkacat -C -t events -o beginning -e           print all messages of a topic, then exit
  kafkacat -C -t events -o end                    print new messages as they arrive, until Ctrl-C
  kafkacat -C -t events -eq -f '%p:%o %T %s\n'    print partition, offset and timestamp too
  echo 'alice:{{"coins": 3}}' | kafkacat -P -t events -K:   send a message with the key "alice"

  -C              Consume: print messages on stdout (default when stdin is a terminal)
  -P              Produce: send each line of stdin as a message, except empty lines (default otherwise)
  -L              List the brokers and topics of the cluster (with -t: one topic)
  -b <brokers,..> Bootstrap brokers, host[:port]. Default: the broker of the stack (eventlab status)
  -t <topic>      Topic
  -p <partition>  Partition. Default: all when consuming; chosen by the key when producing
  -K <delim>      Delimiter between key and message
  -c <cnt>        Exit after this number of messages
  -q              Quiet: print errors only
  -h              Print this help
With -C:
  -o <offset>     beginning (default) | end | <offset> | -<number of messages before the end>
  -e              Exit at the end of all partitions
  -u              Unbuffered output (always on)
  -f <format>     Output format:
    %s payload   %k key   %S %K their lengths (-1 for NULL)   %R payload length, 4 bytes big-endian
    %t topic     %p partition    %o offset    %T timestamp (ms)    %h headers (n=v,..)    %% a percent sign
    \n \r \t \xXX (hex) \0NN (octal)

Exit code: 0, also after Ctrl-C; 1 when something failed or a message was not delivered.
"""
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
