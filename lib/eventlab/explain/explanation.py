"""The explanation of an error, and its representations: a box in a notebook, three lines of text elsewhere."""

import contextlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eventlab.explain.failed_cell import FailedCell

if TYPE_CHECKING:
    from eventlab.settings import Settings

MIME = "application/vnd.eventlab.explanation+json"
"""The explanation's fields as JSON, for programs that read the notebook."""
LABEL = "What this error means"
"""The box's name for screen readers."""
RUN_FIRST = "To fix it, run this, then run the cell again"
REPLACE_LINE = "To fix it, write this line in the cell instead"
INSTEAD = "To fix it, write this in the cell instead"
BOX = Path(__file__).with_name("box.html")


@dataclass(frozen=True)
class Explanation:
    """What happened, how this is known, and how to fix it.

    Attributes:
        what: What happened, in one or two sentences.
        proof: What the services report now: process, port, log line, offset, schema or version.
        remedy: One command (`!eventlab up kafka`), lines of Python or a `%%bash` cell, ready to run.
        instruction: What to do with the remedy.
    """

    what: str
    proof: str
    remedy: str
    instruction: str = RUN_FIRST

    def bundle(self, label: str = LABEL) -> dict[str, Any]:
        """Return the representations by MIME type, from which a notebook chooses."""
        space = "\n" if "\n" in self.remedy else " "  # so that a cell can be copied as a whole
        text = f"What happened: {self.what}\nProof: {self.proof}\n{self.instruction}:{space}{self.remedy}"
        bundle: dict[str, Any] = {"text/plain": text, MIME: asdict(self)}
        with contextlib.suppress(ImportError):  # without jinja2 in the kernel's Python, Jupyter shows the text
            from jinja2 import Template

            bundle["text/html"] = Template(BOX.read_text(), autoescape=True).render(
                asdict(self) | {"label": label}
            )
        return bundle


Explain = Callable[[FailedCell, "Settings"], Explanation | None]
"""An explanation function. It returns None for another error, or when the services do not confirm this one."""


def correction(cell: FailedCell, old: str, new: str, what: str, proof: str) -> Explanation | None:
    """Explain an error whose remedy is a line with the text `new` for `old`.

    Returns:
        None when no variable has the text `old` and it is not in exactly one line of the cell.
    """
    found = (name for name, text in cell.strings() if text == old)
    variable = next((name for name in found if name not in cell.assigned), None)
    line = cell.corrected_line(old, new, variable)
    return Explanation(what, proof, line, RUN_FIRST if variable else REPLACE_LINE) if line else None
