"""The cells of a lab's notebook: nbgrader's metadata (schema 3) names the student's cells and their questions.

A cell's `grade_id` begins with its question: `q2` is the first cell to fill in, `q2-send` a further one, and
`q2-check` runs the checks. Ids that begin otherwise belong to no question.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

QUESTION = re.compile(r"(q\d+)(?:-|$)")
NO_CODE = re.compile(r"""\"[^"\n]*"|'[^'\n]*'|#[^\n]*""")
"""Texts and comments of one line."""


def read(notebook: Path) -> NotebookNode:
    """Read a notebook."""
    return nbformat.read(notebook, as_version=4)


def grading(cell: NotebookNode) -> dict[str, Any]:
    """Return nbgrader's metadata of a cell; {} without any."""
    metadata = cell.metadata.get("nbgrader")
    return metadata if isinstance(metadata, dict) else {}


def completed(cell: NotebookNode) -> NotebookNode:
    """Return a copy of a cell with all of nbgrader's metadata, if it has some: authors write only what matters."""
    cell = copy.deepcopy(cell)
    if isinstance(cell.metadata.get("nbgrader"), dict):
        facts = {
            "cell_type": cell.cell_type,
            "grade": False,
            "schema_version": 3,
            "solution": False,
            "task": False,
        }
        cell.metadata["nbgrader"] = NotebookNode(facts | {"locked": not is_solution(cell)} | grading(cell))
    return cell


def grade_id(cell: NotebookNode) -> str | None:
    """Return nbgrader's id of a cell, or None."""
    name = grading(cell).get("grade_id")
    return name if isinstance(name, str) else None


def question_of(cell: NotebookNode) -> str | None:
    """Return the question that a cell belongs to; None for cells that all questions share."""
    match = QUESTION.match(grade_id(cell) or "")
    return match[1] if match else None


def is_solution(cell: NotebookNode) -> bool:
    """Return whether the student fills the cell in."""
    return grading(cell).get("solution") is True


def is_check(cell: NotebookNode) -> bool:
    """Return whether the cell runs a question's checks."""
    return is_graded(cell) and not is_solution(cell)


def is_graded(cell: NotebookNode) -> bool:
    """Return whether the cell is worth points: it runs checks, or a person marks it."""
    return grading(cell).get("grade") is True


def is_parameters(cell: NotebookNode) -> bool:
    """Return whether the cell has papermill's tag `parameters`."""
    return "parameters" in cell.metadata.get("tags", [])


def more_than_values(sources: Sequence[str], given: str) -> bool:
    """Return whether cells contain more than comments and other values of the given cell's parameters.

    Lines are compared without parsing them: a student's cell can crash Python's parser.
    """
    names = {line.partition("=")[0].strip() for line in given.splitlines()}
    code = (NO_CODE.sub("", source).replace(";", "\n") for source in sources)
    lines = (line.strip() for source in code for line in source.splitlines())
    return any(line and line.partition("=")[0].strip() not in names for line in lines)


def merged_copies(sources: Sequence[str], stub: str) -> list[str]:
    """Return what to run for a solution cell that is there several times: one cell with all of its code.

    Untouched copies are left out: they would raise their error before the student's code, or replace the student's
    file. A cell magic (`%%writefile`) takes the whole rest of its cell as text, so such copies stay cells of their
    own.
    """
    written = [source for source in sources if source.strip() != stub] or [*sources[-1:]]
    has_magic = any(source.lstrip().startswith("%%") for source in written)
    return written if has_magic else ["\n\n".join(written)]
