"""Begin at any lesson: put the stack into the state it assumes, by running the lesson's own first cells.

What a lesson starts from is said in its call of `course.prepare`; here the cells up to that call are run
in a kernel, as the learner would run them.
"""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from eventlab.errors import EventlabError

PREPARES = "course.prepare("
TIMEOUT_S = 300


class BeginningError(EventlabError):
    """The stack could not be put into the lesson's state; the message is the lesson's own."""


def begin(lesson: Path) -> str:
    """Run the lesson's cells up to `course.prepare`, in this process's environment; what they said."""
    node = nbformat.read(lesson, as_version=4)
    code = [cell for cell in node.cells if cell.cell_type == "code"]
    last = next((n for n, cell in enumerate(code) if PREPARES in cell.source), None)
    if last is None:
        return "It starts the stack itself and assumes nothing."
    node.cells = code[: last + 1]
    client = NotebookClient(
        node,
        timeout=TIMEOUT_S,
        kernel_name="python3",
        resources={"metadata": {"path": str(lesson.parent)}},
        shutdown_kernel="immediate",
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
    )
    try:
        client.execute()
    except CellExecutionError as error:
        raise BeginningError(f"{lesson.stem}: {error.evalue}") from None
    outputs = [output for cell in node.cells for output in cell.outputs]
    return "".join(output.text for output in outputs if output.get("name") == "stdout").strip()
