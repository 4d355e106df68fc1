"""`-f`, `-D`, `-K` and `-J`: from a format string to a function that turns a message into bytes.

Everything is bytes: a topic may hold anything, and the terminal's encoding is nobody's business here.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Sequence
from typing import Protocol

from eventlab.kafkacat.report import Fatal


class Message(Protocol):
    """What a renderer reads; kafka-python's ConsumerRecord has it."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def timestamp_type(self) -> int | None: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]: ...


Renderer = Callable[[Message], bytes]

_ESCAPE = re.compile(rb"\\(x[0-9A-Fa-f]*|0[xX][0-9A-Fa-f]+|0[0-7]*|[1-9][0-9]*|.)", re.DOTALL)
_LETTERS = {b"n": b"\n", b"t": b"\t", b"r": b"\r"}


def unescape(text: bytes) -> bytes:
    r"""Replace `\n`, `\t`, `\r`, `\xHH..` and `\NNN` (octal with a leading 0, decimal without, as in kcat).

    Any other escaped character is itself. Raises ValueError for `\x` without digits.
    """
    return _ESCAPE.sub(lambda match: _escaped(match[1]), text)


def _escaped(code: bytes) -> bytes:
    if code[:1] == b"x":
        if code == b"x":
            raise ValueError(r"\x expects a hex number")
        return bytes([int(code[1:], 16) & 0xFF])
    if code[:1].isdigit():
        base = 16 if code[1:2] in (b"x", b"X") else 8 if code[:1] == b"0" else 10
        return bytes([int(code, base) & 0xFF])
    return _LETTERS.get(code, code)


def compile_format(spec: bytes, null: bytes = b"") -> Renderer:
    """The renderer for `-f spec`; `null` stands for missing and empty keys and payloads (`-Z`: NULL).

    Raises Fatal for a formatter that does not exist.
    """
    parts: list[Renderer] = []
    literals = spec.split(b"%")
    literal = literals.pop(0)
    while literals:
        token = literals.pop(0)
        if not token and not literals:
            raise Fatal("Empty formatter")
        if not token:  # %%: the next literal belongs to this one
            literal += b"%" + literals.pop(0)
            continue
        parts += _constant(literal)
        parts.append(_formatter(token[:1], null))
        literal = token[1:]
    return _join(parts + _constant(literal))


def compile_default(delimiter: bytes, key_delimiter: bytes | None, null: bytes = b"") -> Renderer:
    """kcat's output without `-f`: the payload, after its key where `-K` asks for it, and the delimiter."""
    if key_delimiter is None:
        return lambda message: (message.value or null) + delimiter
    return lambda message: (message.key or null) + key_delimiter + (message.value or null) + delimiter


def compile_json(delimiter: bytes, broker: Callable[[Message], int]) -> Renderer:
    """kcat's `-J` envelope, one object a message; `broker` says which broker a message came from."""
    return lambda message: _envelope(message, broker(message)) + delimiter


def json_string(text: bytes) -> bytes:
    """A JSON string of these bytes, escaped as kcat does and otherwise left alone, in any encoding."""
    return b'"' + _JSON_SPECIAL.sub(lambda match: _JSON_ESCAPES[match[0]], text) + b'"'


def _constant(literal: bytes) -> list[Renderer]:
    if not literal:
        return []
    try:
        text = unescape(literal)
    except ValueError as wrong:
        raise Fatal(f"Format string: {wrong}") from wrong
    return [lambda message: text]


def _formatter(letter: bytes, null: bytes) -> Renderer:
    formatters: dict[bytes, Renderer] = {
        b"s": lambda message: message.value or null,
        b"S": lambda message: b"%d" % _size(message.value),
        b"R": lambda message: struct.pack(">i", _size(message.value)),
        b"k": lambda message: message.key or null,
        b"K": lambda message: b"%d" % _size(message.key),
        b"t": lambda message: message.topic.encode(),
        b"p": lambda message: b"%d" % message.partition,
        b"o": lambda message: b"%d" % message.offset,
        b"T": lambda message: b"%d" % message.timestamp,
        b"h": _headers,
    }
    if letter not in formatters:
        raise Fatal(f"Unsupported formatter: %{letter.decode(errors='replace')}")
    return formatters[letter]


def _join(parts: list[Renderer]) -> Renderer:
    return lambda message: b"".join([part(message) for part in parts])


def _size(text: bytes | None) -> int:
    return -1 if text is None else len(text)


def _headers(message: Message) -> bytes:
    return b",".join(
        name.encode() + b"=" + (b"NULL" if value is None else value) for name, value in message.headers
    )


def _envelope(message: Message, broker: int) -> bytes:
    fields = [
        b'"topic":' + json_string(message.topic.encode()),
        b'"partition":%d,"offset":%d' % (message.partition, message.offset),
    ]
    if message.timestamp_type is not None and message.timestamp >= 0:
        kind = b"logappend" if message.timestamp_type == 1 else b"create"
        fields.append(b'"tstype":"%s","ts":%d' % (kind, message.timestamp))
    fields.append(b'"broker":%d' % broker)
    if message.headers:
        pairs = [json_string(name.encode()) + b"," + _json_value(value) for name, value in message.headers]
        fields.append(b'"headers":[' + b",".join(pairs) + b"]")
    fields.append(b'"key":' + _json_value(message.key))
    fields.append(b'"payload":' + _json_value(message.value))
    return b"{" + b",".join(fields) + b"}"


def _json_value(text: bytes | None) -> bytes:
    return b"null" if text is None else json_string(text)


_JSON_SPECIAL = re.compile(rb'[\x00-\x1f"\\]')
_JSON_ESCAPES = {bytes([code]): b"\\u%04X" % code for code in range(32)} | {
    b"\b": b"\\b",
    b"\f": b"\\f",
    b"\n": b"\\n",
    b"\r": b"\\r",
    b"\t": b"\\t",
    b'"': b'\\"',
    b"\\": b"\\\\",
}
