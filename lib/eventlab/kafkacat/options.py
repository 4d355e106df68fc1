"""The command line as a value: parsed and checked before anything is imported, read or connected."""

from __future__ import annotations

import getopt
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from eventlab.kafkacat.format import unescape
from eventlab.kafkacat.report import Fatal, UsageError

MODES = {"-C": "C", "-P": "P", "-L": "L", "-Q": "Q", "-G": "G"}
NAMES = {"C": "Consumer", "P": "Producer"}

_SHORT = "PCG:LQt:p:b:z:o:eED:K:k:H:Od:qvF:X:c:Tuf:ZlVhs:r:Jm:"
_LONG = ["help", "version"]


class Start(NamedTuple):
    """Where to begin: `beginning`, `end`, `stored`, or one of those that `value` counts for.

    `offset` is absolute, `tail` counts back from the end, `time` is in milliseconds since the epoch.
    """

    kind: str
    value: int = 0


class Instant(NamedTuple):
    """What `-Q -t topic:partition:timestamp` asks about."""

    topic: str
    partition: int
    timestamp: int


@dataclass(frozen=True)
class Options:
    """One field per thing that can be asked for; the defaults are kcat's."""

    mode: str = ""
    mode_inferred: bool = False
    brokers: str | None = None
    topic: str | None = None
    instants: tuple[Instant, ...] = ()
    group: str | None = None
    partition: int | None = None
    arguments: tuple[str, ...] = ()
    start: Start | None = None
    stop_time: int | None = None
    exit_at_end: bool = False
    count: int = 0
    format: bytes | None = None
    json: bool = False
    delimiter: bytes = b"\n"
    key_delimiter: bytes | None = None
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()
    nulls: bool = False
    tee: bool = False
    lines: bool = False
    unbuffered: bool = False
    timeout_s: float = 5
    verbosity: int = 1
    exit_on_error: bool = True
    debug: bool = False
    properties: tuple[tuple[str, str], ...] = ()
    config_files: tuple[str, ...] = ()
    wants: str = ""

    @property
    def quiet(self) -> bool:
        return self.verbosity == 0


def parse(argv: Sequence[str], stdin_is_tty: bool) -> Options:
    """The options that `argv` (without the command's name) asks for.

    Raises UsageError or Fatal in the cases in which kcat prints a usage text or `% ERROR:`.
    """
    if argv and argv[0] in ("kcat", "kafkacat"):  # container images whose entry point is kcat already
        argv = argv[1:]
    try:
        pairs, arguments = getopt.gnu_getopt(list(argv), _SHORT, _LONG)
    except getopt.GetoptError as wrong:
        raise UsageError(f"unknown argument: {wrong.msg}") from wrong
    options = Options(arguments=tuple(arguments))
    for flag, value in pairs:
        options = _apply(options, flag, value)
        if options.wants in ("help", "version", "list"):
            return options
    return _check(options, stdin_is_tty)


def _apply(options: Options, flag: str, value: str) -> Options:
    if flag in MODES:
        if options.mode not in ("", MODES[flag]):
            raise Fatal(f"Do not mix modes: {flag} seen when -{options.mode} already set")
        return replace(options, mode=MODES[flag], group=value or options.group)
    if flag in _SWITCHES:
        return replace(options, **_SWITCHES[flag])
    if flag in _VALUES:
        field, convert = _VALUES[flag]
        change: dict[str, Any] = {field: convert(value)}
        return replace(options, **change)
    return replace(options, **_OTHERS[flag](options, value))


def _check(options: Options, stdin_is_tty: bool) -> Options:
    """Fill in the mode as kcat does and refuse what can't work in it."""
    if not options.mode:
        options = replace(options, mode="C" if stdin_is_tty else "P", mode_inferred=True)
    if options.mode in "CP" and not options.topic:
        raise UsageError("-t <topic> missing")
    if options.mode == "Q":
        if not options.topic and not options.instants:
            raise UsageError("-t <topic>:<partition>:<offset_or_timestamp> missing")
        if not options.instants:
            raise Fatal('-t: expected "topic:partition:offset_or_timestamp"')
    if options.arguments and options.mode not in "PG":
        raise UsageError("file/topic list only allowed in producer(-P)/kafkaconsumer(-G) mode")
    if options.mode == "P":
        _check_producer(options)
    if options.mode == "G" and (options.stop_time is not None or (options.start and options.start.kind == "time")):
        raise Fatal("-o ..@ timestamps can't be used with -G mode")
    return options


def _check_producer(options: Options) -> None:
    if not options.delimiter:
        raise Fatal("Message delimiter -D must not be empty when producing")
    if options.lines and len(options.arguments) > 1:
        raise Fatal("Only one file allowed for line mode (-l)")


def _number(flag: str) -> Callable[[str], int]:
    def convert(value: str) -> int:
        try:
            return int(value)
        except ValueError:
            raise UsageError(f"{flag} expects a number, not {value!r}") from None

    return convert


def _delimiter(value: str) -> bytes:
    try:
        return unescape(os.fsencode(value))
    except ValueError as wrong:
        raise Fatal(f"Delimiter {value}: {wrong}") from wrong


def _partition(value: str) -> int | None:
    number = _number("-p")(value)
    return None if number == -1 else number


def _topic(options: Options, value: str) -> dict[str, Any]:
    parts = value.rsplit(":", 2)
    if len(parts) == 3 and options.mode in ("", "Q"):
        try:
            instant = Instant(parts[0], int(parts[1]), int(parts[2]))
        except ValueError:
            return {"topic": value}
        return {"topic": value, "instants": (*options.instants, instant)}
    return {"topic": value}


def _offset(options: Options, value: str) -> dict[str, Any]:
    if value in ("beginning", "end", "stored"):
        return {"start": Start(value)}
    if value.startswith("s@"):
        return {"start": Start("time", _number("-o s@")(value[2:]))}
    if value.startswith("e@"):
        return {"stop_time": _number("-o e@")(value[2:])}
    try:
        number = int(value)
    except ValueError:
        raise UsageError(
            f"-o {value}: expected beginning, end, stored, <offset>, -<count>, s@<ms> or e@<ms>"
        ) from None
    return {"start": Start("tail", -number) if number < 0 else Start("offset", number)}


def _header(options: Options, value: str) -> dict[str, Any]:
    name, equals, content = value.partition("=")
    if not name or not equals:
        raise Fatal('Expected -H "name=value.."')
    return {"headers": (*options.headers, (name, os.fsencode(content)))}


def _property(options: Options, value: str) -> dict[str, Any]:
    if value in ("list", "help"):
        return {"wants": "list"}
    name, equals, content = value.partition("=")
    if not equals:
        raise Fatal(f"Expected -X property=value, not {value}, use -X list to display available properties")
    return {"properties": (*options.properties, (name, content))}


def _unsupported(options: Options, value: str) -> dict[str, Any]:
    raise Fatal("This kafkacat has no deserializers (-s, -r): use kcat for them")


_SWITCHES: dict[str, dict[str, Any]] = {
    "-e": {"exit_at_end": True},
    "-E": {"exit_on_error": False},
    "-J": {"json": True},
    "-Z": {"nulls": True},
    "-T": {"tee": True},
    "-l": {"lines": True},
    "-u": {"unbuffered": True},
    "-q": {"verbosity": 0},
    "-O": {},  # kcat accepts it and does nothing
    "-h": {"wants": "help"},
    "--help": {"wants": "help"},
    "-V": {"wants": "version"},
    "--version": {"wants": "version"},
}
_VALUES: dict[str, tuple[str, Callable[[str], object]]] = {
    "-b": ("brokers", str),
    "-p": ("partition", _partition),
    "-c": ("count", _number("-c")),
    "-m": ("timeout_s", _number("-m")),
    "-f": ("format", os.fsencode),
    "-k": ("key", os.fsencode),
    "-D": ("delimiter", _delimiter),
    "-K": ("key_delimiter", _delimiter),
    "-d": ("debug", bool),
}
_OTHERS: dict[str, Callable[[Options, str], dict[str, Any]]] = {
    "-t": _topic,
    "-o": _offset,
    "-H": _header,
    "-X": _property,
    "-v": lambda options, value: {"verbosity": options.verbosity + 1},
    "-z": lambda options, value: {"properties": (*options.properties, ("compression.codec", value))},
    "-F": lambda options, value: {"config_files": (*options.config_files, value)},
    "-s": _unsupported,
    "-r": _unsupported,
}
