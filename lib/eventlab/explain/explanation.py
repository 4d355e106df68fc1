"""What is told about an error, and how it looks: as a box in a notebook, as three lines everywhere else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Any

from eventlab.explain.failure import Failure

MIME = "application/vnd.eventlab.explanation+json"
"""The same as data, for who reads the notebook with a program."""
STYLE = "border-left:4px solid #d9822b;padding:.5em 1em;margin:.3em 0;max-width:60em"


@dataclass(frozen=True)
class Explanation:
    """An error explained.

    what: what happened, in one sentence.
    proof: what the stack itself said just now: process, port, log line, offset, schema, version.
    remedy: the one command (`!eventlab up kafka`) or line of Python that mends it, to put into a cell as it is.
    where: what is to be done with the remedy, when it is not simply to be run before the cell once more.
    """

    what: str
    proof: str
    remedy: str
    where: str = ""

    def bundle(self) -> dict[str, Any]:
        """The representations that a notebook chooses from."""
        return {"text/plain": self.as_text(), "text/html": self.as_html(), MIME: self.as_data()}

    def as_data(self) -> dict[str, str]:
        return {"what": self.what, "proof": self.proof, "remedy": self.remedy, "where": self.where}

    def as_text(self) -> str:
        lines = {"What happened": self.what, "Proof": self.proof, self._advice(): self.remedy}
        return "\n".join(f"{label}: {text}" for label, text in lines.items())

    def as_html(self) -> str:
        return (
            f'<div role="note" aria-label="What this error means" style="{STYLE}">'
            f"<p><b>{escape(self.what)}</b></p><p>{escape(self.proof)}</p>"
            f"<p>{escape(self._advice())}:</p><pre>{escape(self.remedy)}</pre></div>"
        )

    def _advice(self) -> str:
        return self.where or "To mend it, run this, then the cell again"


Explain = Callable[[Failure, Any], Explanation | None]
"""An explanation's function: the failure and the settings (eventlab.settings.Settings); None: not this error."""

INSTEAD = "To mend it, write this in the cell instead"
"""`where` of a remedy that takes the place of a line of the failed cell."""
