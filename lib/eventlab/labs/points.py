"""The points of a lab: written once, in `checks.py`, and filled into the notebooks that are generated."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nbformat import NotebookNode

from eventlab.labs import cells
from eventlab.labs.catalogue import Lab

HEADING = re.compile(r"^## Question (\d+)\b.*?(?: \((\d+(?:\.\d+)?) points?\))?$", re.MULTILINE)
"""The heading of a question; the released one ends with its points: `## Question 1: what sells? (3 points)`."""
WITH_POINTS = re.compile(r"^(## Question \d+\b.*?) \(\d+(?:\.\d+)? points?\)$", re.MULTILINE)


def with_points(cell: NotebookNode, lab: Lab) -> NotebookNode:
    """Return a cell of the instructor's notebook with all of nbgrader's metadata and the points of its question.

    A check cell has them in nbgrader's metadata, a heading at its end. Points that are there already stay.
    """
    filled = cells.completed(cell)
    question = cells.question_of(filled)
    if cells.is_graded(filled) and question and "points" not in cells.grading(filled):
        filled.metadata["nbgrader"]["points"] = _number(lab.points(question))
    if filled.cell_type == "markdown":
        filled.source = HEADING.sub(lambda found: _heading(found, lab), filled.source)
    return filled


def without_points(text: str) -> str:
    """Return a text without the points in its headings, which `with_points` adds."""
    return WITH_POINTS.sub(r"\1", text).strip()


def written(cell: NotebookNode) -> Iterator[tuple[str, float]]:
    """Yield each question whose points are written in a cell, with these points."""
    points, question = cells.grading(cell).get("points"), cells.question_of(cell)
    if cells.is_graded(cell) and question and isinstance(points, int | float):
        yield question, points
    if cell.cell_type == "markdown":
        yield from ((f"q{found[1]}", float(found[2])) for found in HEADING.finditer(cell.source) if found[2])


def _heading(found: re.Match[str], lab: Lab) -> str:
    points = 0 if found[2] else lab.points(f"q{found[1]}")
    return f"{found[0]} ({points:g} point{'s' if points != 1 else ''})" if points else found[0]


def _number(points: float) -> float:
    """Return a whole number of points as an int, as nbgrader writes it."""
    return int(points) if points == int(points) else points
