"""feedback/<student>.html: the points, every check's verdict with its hint, and the executed notebook."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from eventlab.grading.records import Question, Record, write_atomically
from eventlab.grading.reports.cells import cell_html
from eventlab.grading.reports.page import page, table
from eventlab.grading.reports.words import STATUS, clean, for_student, line, number

FOLDER = "feedback"
CELLS_LIMIT = 500
PAGE_LIMIT = 20_000_000
"""Characters of cells a page: a browser still opens it."""


def write(record: Record, output: Path) -> Path:
    target = output / FOLDER / f"{record.slug}.html"
    write_atomically(target, render(record, executed(record, output)))
    return target


def render(record: Record, notebook: NotebookNode | None) -> str:
    """The page. Its every word that a student could choose is escaped."""
    points = f"{number(record.points)} of {number(record.max_points)} points"
    parts = [
        f"<h1>{escape(line(record.student))}: {escape(record.lab)}</h1>",
        f"<p><strong>{points}</strong>. {escape(STATUS[record.status])}</p>",
        *(_question(question) for question in record.questions),
    ]
    if notebook is not None:
        parts += ["<h2>Your notebook, as it was executed</h2>", *_cells(notebook)]
    return page(f"{line(record.student)}: {record.lab}", "\n".join(parts))


def executed(record: Record, output: Path) -> NotebookNode | None:
    """The executed copy, where there is one inside the output folder that can be read."""
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


def _question(question: Question) -> str:
    rows = [
        [
            f'<span class="passed">✓</span> {escape(line(check.name))}'
            if check.passed
            else f'<span class="failed">✗</span> {escape(line(check.name))}',
            f"{number(check.points)} / {number(check.max_points)}",
            "hidden" if check.hidden else "public",
            escape(for_student(check)),
        ]
        for check in question.checks
    ]
    note = f"<p>{escape(clean(question.note))}</p>" if question.note else ""
    title = f"<h2>{escape(line(question.id))}: {number(question.points)} / {number(question.max_points)}</h2>"
    return title + note + (table(["check", "points", "", "what was found"], rows) if rows else "")


def _cells(notebook: NotebookNode) -> list[str]:
    shown: list[str] = []
    room = PAGE_LIMIT
    cells = [cell for cell in notebook.get("cells") or [] if isinstance(cell, NotebookNode)]
    for cell in cells[:CELLS_LIMIT]:
        html = cell_html(cell)
        room -= len(html)
        if room < 0:
            break
        shown.append(html)
    if len(shown) < len(cells):
        shown.append(f"<p>… and {len(cells) - len(shown)} more cells</p>")
    return shown
