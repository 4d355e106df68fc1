"""A lab's cells: nbgrader's metadata (schema 3) says which are the student's, and of which question.

A cell's `grade_id` begins with its question: `q2` is the first cell to fill in, `q2-send` a further one, and
`q2-check` runs the checks. Ids that begin otherwise belong to no question.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

QUESTION = re.compile(r"(q\d+)(?:-|$)")


def read(notebook: Path) -> NotebookNode:
    return nbformat.read(notebook, as_version=4)


def grading(cell: NotebookNode) -> dict[str, Any]:
    """nbgrader's metadata of a cell; {} when it has none."""
    found = cell.metadata.get("nbgrader")
    return found if isinstance(found, dict) else {}


def grade_id(cell: NotebookNode) -> str | None:
    found = grading(cell).get("grade_id")
    return found if isinstance(found, str) else None


def question_of(cell: NotebookNode) -> str | None:
    """The question that a cell belongs to; None for what all questions share."""
    match = QUESTION.match(grade_id(cell) or "")
    return match[1] if match else None


def is_solution(cell: NotebookNode) -> bool:
    """Whether the student is to fill it in."""
    return grading(cell).get("solution") is True


def is_check(cell: NotebookNode) -> bool:
    """Whether it runs a question's checks."""
    return grading(cell).get("grade") is True and not is_solution(cell)


def is_parameters(cell: NotebookNode) -> bool:
    return "parameters" in cell.metadata.get("tags", [])
