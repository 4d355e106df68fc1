"""Reading lines from a descriptor, with a time limit and in time proportional to their length."""

from __future__ import annotations

import os
import select
import time
from collections import deque

CHUNK = 1 << 20


class LineReader:
    """Reads a descriptor that has no other reader."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.ended = False
        self._lines: deque[bytes] = deque()
        self._parts: list[bytes] = []

    def line(self, timeout_s: float) -> bytes | None:
        """Return the next line without its end, or None when it is late or the other side has ended."""
        deadline = time.monotonic() + timeout_s
        while not self._lines and not self.ended:
            ready, _, _ = select.select([self.descriptor], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                return None
            self._read()
        return self._lines.popleft() if self._lines else None

    def _read(self) -> None:
        """Read once; parts of a line are joined when its end arrives."""
        chunk = os.read(self.descriptor, CHUNK)
        self.ended = not chunk
        first, *more = chunk.split(b"\n")
        self._parts.append(first)
        for part in more:
            self._lines.append(b"".join(self._parts))
            self._parts = [part]
