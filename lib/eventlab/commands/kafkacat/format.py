"""Output formats of `kafkacat` (`-f` and `-K`): functions that turn a message into bytes, not text."""

import re
import struct
from collections.abc import Callable
from typing import Any

from eventlab.commands.kafkacat.options import FatalError, unescape

Renderer = Callable[[Any], bytes]  # from a Message of confluent_kafka


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


def _size(data: bytes | None) -> int:
    return -1 if data is None else len(data)


def _headers(message: Any) -> bytes:
    headers = message.headers() or []
    return b",".join(name.encode() + b"=" + (b"NULL" if value is None else value) for name, value in headers)


_FORMATTERS: dict[bytes, Renderer] = {
    b"s": lambda message: message.value() or b"",
    b"S": lambda message: b"%d" % _size(message.value()),
    b"R": lambda message: struct.pack(">i", _size(message.value())),
    b"k": lambda message: message.key() or b"",
    b"K": lambda message: b"%d" % _size(message.key()),
    b"t": lambda message: message.topic().encode(),
    b"p": lambda message: b"%d" % message.partition(),
    b"o": lambda message: b"%d" % message.offset(),
    b"T": lambda message: b"%d" % message.timestamp()[1],
    b"h": _headers,
    b"%": lambda message: b"%",
}
