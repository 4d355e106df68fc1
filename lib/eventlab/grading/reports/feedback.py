"""feedback/<student>.html: the points, every check's verdict with its hint, and the executed notebook."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
from markupsafe import Markup
from nbformat import NotebookNode

from eventlab.grading.reports import page
from eventlab.grading.reports.cells import cell_html
from eventlab.grading.results import SubmissionRecord, write_atomically

FOLDER = "feedback"
CELLS_LIMIT = 500
PAGE_LIMIT = 20_000_000
"""Characters of cells a page: a browser still opens it."""


def write(record: SubmissionRecord, output: Path) -> Path:
    """Write OUTPUT/feedback/SLUG.html and return the file."""
    target = output / FOLDER / f"{record.slug}.html"
    write_atomically(target, render(record, executed(record, output)))
    return target


def render(record: SubmissionRecord, notebook: NotebookNode | None) -> str:
    """Return the page of a student.

    Args:
        record: The student's record.
        notebook: The executed notebook, or None to show only the verdicts.
    """
    found = None if notebook is None else [c for c in notebook.get("cells") or [] if isinstance(c, NotebookNode)]
    shown = None if found is None else _cells(found)
    return page.render("feedback.html", record=record, cells=shown, more=len(found or ()) - len(shown or ()))


def executed(record: SubmissionRecord, output: Path) -> NotebookNode | None:
    """Return the executed notebook, or None unless it is readable and inside the output folder."""
    if record.notebook is None:
        return None
    path = (output / record.notebook).resolve()
    if not path.is_relative_to(output.resolve()):
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return nbformat.from_dict(content) if isinstance(content, dict) else None


def _cells(cells: list[NotebookNode]) -> list[Markup]:
    """Return the cells as HTML, as many of the first ones as a page may have."""
    shown: list[Markup] = []
    room = PAGE_LIMIT
    for cell in cells[:CELLS_LIMIT]:
        html = cell_html(cell)
        room -= len(html)
        if room < 0:
            break
        shown.append(html)
    return shown
