"""`-f` and `-K`: from a format string to a function that turns a message into bytes.

Everything is bytes: a topic may hold anything, and the terminal's encoding is nobody's business here.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable

from kafka.consumer.fetcher import ConsumerRecord

from eventlab.commands.kafkacat.report import Fatal

Renderer = Callable[[ConsumerRecord], bytes]

_ESCAPE = re.compile(rb"\\(x[0-9A-Fa-f]*|0[xX][0-9A-Fa-f]+|0[0-7]*|[1-9][0-9]*|.)", re.DOTALL)
_LETTERS = {b"n": b"\n", b"t": b"\t", b"r": b"\r"}


def unescape(text: bytes) -> bytes:
    r"""Replace `\n`, `\t`, `\r`, `\xHH..` and `\NNN` (octal with a leading 0, decimal without, as in kcat).

    Any other escaped character is itself. Raises Fatal for `\x` without digits.
    """
    return _ESCAPE.sub(lambda match: _escaped(match[1]), text)


def renderer(spec: bytes | None, key_delimiter: bytes | None) -> Renderer:
    """What `-f` asks for, or without it the payload, after its key where there is a `-K`, and a newline."""
    if spec is not None:
        return compile_format(spec)
    if key_delimiter is None:
        return lambda message: (message.value or b"") + b"\n"
    return lambda message: (message.key or b"") + key_delimiter + (message.value or b"") + b"\n"


def compile_format(spec: bytes) -> Renderer:
    """The renderer for `-f spec`. Raises Fatal for a formatter that does not exist."""
    literals_and_letters = re.split(rb"%(.?)", spec, flags=re.DOTALL)  # in turns
    parts = [
        _formatter(part) if index % 2 else _constant(unescape(part))
        for index, part in enumerate(literals_and_letters)
    ]
    return lambda message: b"".join([part(message) for part in parts])


def _escaped(code: bytes) -> bytes:
    if code == b"x":
        raise Fatal(r"\x expects a hex number")
    if code[:1] == b"x":
        return bytes([int(code[1:], 16) & 0xFF])
    if code[:1].isdigit():
        base = 16 if code[1:2] in (b"x", b"X") else 8 if code[:1] == b"0" else 10
        return bytes([int(code, base) & 0xFF])
    return _LETTERS.get(code, code)


def _formatter(letter: bytes) -> Renderer:
    if not letter:
        raise Fatal("Empty formatter")
    if letter not in _FORMATTERS:
        raise Fatal(f"Unsupported formatter: %{letter.decode(errors='replace')}")
    return _FORMATTERS[letter]


def _constant(text: bytes) -> Renderer:
    return lambda message: text


def _size(text: bytes | None) -> int:
    return -1 if text is None else len(text)


def _headers(message: ConsumerRecord) -> bytes:
    return b",".join(
        name.encode() + b"=" + (b"NULL" if value is None else value) for name, value in message.headers
    )


_FORMATTERS: dict[bytes, Renderer] = {
    b"s": lambda message: message.value or b"",
    b"S": lambda message: b"%d" % _size(message.value),
    b"R": lambda message: struct.pack(">i", _size(message.value)),
    b"k": lambda message: message.key or b"",
    b"K": lambda message: b"%d" % _size(message.key),
    b"t": lambda message: message.topic.encode(),
    b"p": lambda message: b"%d" % message.partition,
    b"o": lambda message: b"%d" % message.offset,
    b"T": lambda message: b"%d" % message.timestamp,
    b"h": _headers,
    b"%": _constant(b"%"),
}
