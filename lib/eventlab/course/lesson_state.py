"""Prepare the state that a lesson starts from, by executing the lesson's own first cells.

A lesson calls `course.prepare` with what it needs. The cells up to that call are executed in a kernel.
"""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from eventlab.errors import EventlabError

PREPARE_CALL = "course.prepare("
TIMEOUT_S = 300


class LessonStateError(EventlabError):
    """The state that a lesson starts from could not be prepared; the message is the lesson's own."""


def prepare_lesson(lesson: Path) -> str:
    """Execute a lesson's cells up to `course.prepare`, in this process's environment.

    Returns:
        What the cells printed.

    Raises:
        LessonStateError: A cell failed or took too long, or the kernel died.
    """
    node = nbformat.read(lesson, as_version=4)
    code = [cell for cell in node.cells if cell.cell_type == "code"]
    last = next((number for number, cell in enumerate(code) if PREPARE_CALL in cell.source), None)
    if last is None:
        return "It starts the stack itself and needs nothing else."
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
        raise LessonStateError(f"{lesson.stem}: {error.evalue}") from None
    except (TimeoutError, RuntimeError) as error:  # nbclient: a cell timed out, or the kernel died
        raise LessonStateError(f"{lesson.stem}: {error}", "eventlab doctor") from error
    outputs = [output for cell in node.cells for output in cell.outputs]
    return "".join(output.text for output in outputs if output.get("name") == "stdout").strip()
