"""The command line as a value: parsed and checked before anything is read or connected."""

from __future__ import annotations

import getopt
import os
from collections.abc import Sequence
from dataclasses import dataclass

from eventlab.commands.kafkacat.format import unescape
from eventlab.commands.kafkacat.report import Fatal, UsageError

ANY = -1
"""As a partition: all of them, or the one of the message's key."""
FLAGS = "CPLb:t:p:o:ec:qf:K:uh"
USAGE = "Usage: kafkacat -C|-P|-L [-b <brokers>] [-t <topic>] <options>"
HELP = rf"""{USAGE}

kafkacat reads, writes and lists Kafka topics: `cat` for event streams, with kcat's flags and output.

  kafkacat -C -t events -o beginning -e           all messages of a topic, then exit
  kafkacat -C -t events -o end                    follow: what arrives from now on (Ctrl-C ends it)
  kafkacat -C -t events -e -f '%p:%o %T %s\n'     with partition, offset and timestamp
  kafkacat -C -t events -eq | wc -l               how many there are
  echo 'alice:{{"coins": 3}}' | kafkacat -P -t events -K:   the key before the colon decides on the partition

Mode (without one: -P when stdin is not a terminal, else -C):
  -C              Consume: messages to stdout
  -P              Produce: lines of stdin to a topic; empty lines are skipped
  -L              List the cluster's brokers and topics (-t: one topic)

  -b <brokers,..> Bootstrap brokers, host[:port]. Default: the stack's own (eventlab status)
  -t <topic>      Topic
  -p <partition>  Partition. Default: all when consuming, the key's when producing
  -K <delim>      Between key and message
  -c <cnt>        Exit after this number of messages
  -q              Quiet: errors only
  -h              This text

With -C:
  -o <offset>     beginning (default) | end | <offset> | -<messages before the end>
  -e              Exit when the end of every partition is reached
  -f <format>     Output format, see below
  -u              Unbuffered output, which it always is here

Format:
  %s payload   %k key   %S %K their lengths (-1 for NULL)   %R payload length, 4 bytes big-endian
  %t topic     %p partition    %o offset    %T timestamp (ms)    %h headers (n=v,..)    %% a percent sign
  \n \r \t \xXX (hex) \0NN (octal)

Exit code: 0, also after Ctrl-C; 1 when something failed or a message was not delivered.

kcat has more flags than these; those that are here mean the same there.
"""


@dataclass(frozen=True)
class Options:
    """One field per thing that can be asked for."""

    help: bool
    mode: str  # C, P, L, or nothing
    brokers: str
    topic: str
    partition: int
    offset: str | int  # beginning, end, or a number, which counts back from the end when it is negative
    exit_at_end: bool
    count: int | None
    quiet: bool
    format: bytes | None
    key_delimiter: bytes | None


def parse(argv: Sequence[str], own_brokers: str) -> Options:
    """The options that `argv` (without the command's name) asks for; of a repeated flag the last one counts.

    Raises UsageError or Fatal in the cases in which kcat prints a usage text or `% ERROR:`.
    """
    try:
        pairs, arguments = getopt.gnu_getopt(list(argv), FLAGS, ["help"])
    except getopt.GetoptError as wrong:
        raise UsageError(f"unknown argument: {wrong}") from wrong
    asked = dict(pairs)
    options = Options(
        help="-h" in asked or "--help" in asked,
        mode=_mode(asked),
        brokers=asked.get("-b", own_brokers),
        topic=asked.get("-t", ""),
        partition=_number("-p", asked.get("-p", str(ANY))),
        offset=_offset(asked.get("-o", "beginning")),
        exit_at_end="-e" in asked,
        count=max(0, _number("-c", asked.get("-c", "0"))) or None,
        quiet="-q" in asked,
        format=os.fsencode(asked["-f"]) if "-f" in asked else None,
        key_delimiter=unescape(os.fsencode(asked["-K"])) if "-K" in asked else None,
    )
    if arguments and not options.help:
        raise UsageError(f"unexpected argument: {arguments[0]}")
    if not options.topic and not options.help and options.mode != "L":
        raise UsageError("-t <topic> missing")
    return options


def _mode(asked: dict[str, str]) -> str:
    modes = [flag[1] for flag in asked if flag in ("-C", "-P", "-L")]
    if len(modes) > 1:
        raise Fatal(f"Do not mix modes: -{modes[1]} seen when -{modes[0]} already set")
    return modes[0] if modes else ""


def _offset(value: str) -> str | int:
    if value in ("beginning", "end"):
        return value
    return _number("-o", value, "beginning, end, <offset> or -<count>")


def _number(flag: str, value: str, expected: str = "a number") -> int:
    try:
        return int(value)
    except ValueError:
        raise UsageError(f"{flag} expects {expected}, not {value!r}") from None
