"""A thread that looks again and again for a reason to end something."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Watch:
    """Calls a function once, as soon as there is a reason.

    Attributes:
        exceeded: The reason, or "" as long as there is none.
    """

    def __init__(self, reason: Callable[[], str], every_s: float, found: Callable[[str], None]) -> None:
        """Begin to watch.

        Args:
            reason: Returns a sentence when there is a reason, otherwise "".
            every_s: The time between two looks.
            found: Called with the sentence.
        """
        self._reason, self._every_s, self._found = reason, every_s, found
        self.exceeded = ""
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop watching."""
        self._stopped.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stopped.wait(self._every_s):
            self.exceeded = self._reason()
            if self.exceeded:
                return self._found(self.exceeded)
