"""Output formats of `kafkacat` (`-f` and `-K`): functions that turn a message into bytes, not text."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable

from kafka.consumer.fetcher import ConsumerRecord

from eventlab.commands.kafkacat.client import FatalError

Renderer = Callable[[ConsumerRecord], bytes]

_ESCAPE = re.compile(rb"\\(x[0-9A-Fa-f]*|0[xX][0-9A-Fa-f]+|0[0-7]*|[1-9][0-9]*|.)", re.DOTALL)
_LETTERS = {b"n": b"\n", b"t": b"\t", b"r": b"\r"}


def unescape(text: bytes) -> bytes:
    r"""Replace `\n`, `\t`, `\r`, `\xHH` and `\NNN` (decimal, or octal with a leading 0) as kcat does; `\q` is `q`.

    Raises:
        FatalError: `\x` has no digits.
    """
    return _ESCAPE.sub(lambda match: _unescaped(match[1]), text)


def renderer(format_spec: bytes | None = None, key_delimiter: bytes | None = None) -> Renderer:
    """Return the function that renders a message: by `-f`, else as a line that begins with the key for `-K`.

    Raises:
        FatalError: A formatter is unknown, or an escape sequence is wrong.
    """
    if format_spec is not None:
        parts = re.split(rb"%(.?)", format_spec, flags=re.DOTALL)
        literals, letters = [unescape(part) for part in parts[::2]], parts[1::2]
    elif key_delimiter is None:
        literals, letters = [b"", b"\n"], [b"s"]
    else:
        literals, letters = [b"", key_delimiter, b"\n"], [b"k", b"s"]
    for letter in letters:
        if letter not in _FORMATTERS:
            unsupported = f"Unsupported formatter: %{letter.decode(errors='replace')}"
            raise FatalError(unsupported if letter else "Empty formatter")
    formatters = [_FORMATTERS[letter] for letter in letters]
    pairs = list(zip(formatters, literals[1:], strict=True))
    return lambda message: literals[0] + b"".join([formatter(message) + literal for formatter, literal in pairs])


def _unescaped(code: bytes) -> bytes:
    if code == b"x":
        raise FatalError(r"\x expects a hex number")
    if code[:1] not in b"x0123456789":
        return _LETTERS.get(code, code)
    base = 16 if b"x" in code.lower() else 8 if code[:1] == b"0" else 10
    return bytes([int(code.removeprefix(b"x"), base) & 0xFF])


def _size(data: bytes | None) -> int:
    return -1 if data is None else len(data)


def _headers(message: ConsumerRecord) -> bytes:
    pairs = ((name.encode(), b"NULL" if value is None else value) for name, value in message.headers)
    return b",".join(b"%s=%s" % pair for pair in pairs)


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
    b"%": lambda message: b"%",
}
