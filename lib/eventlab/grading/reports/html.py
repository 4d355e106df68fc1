"""Pages from the templates, without scripts: report.html for the instructor, and one page per student."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import nbformat
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from nbformat import NotebookNode

from eventlab.grading.reports import messages, summary
from eventlab.grading.reports.cells import cell_html
from eventlab.grading.results import STATUSES, SubmissionRecord, write_atomically

FOLDER = "feedback"
CELLS_LIMIT = 500
PAGE_LIMIT = 20_000_000
"""Characters of cells a page: a browser still opens it."""
NAMES_LIMIT = 20
"""Names of students that a line of the overview lists."""

FILTERS = (
    *("by_hand", "clean", "for_student", "found", "happened"),
    *("line", "number", "points", "recognized", "remarks"),
)
"""The functions of `messages` that the templates use."""


def code(text: str) -> Markup:
    """Return a text with what stands between backticks as code."""
    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(escape(text))))


_loader = PackageLoader("eventlab.grading.reports")
_environment = Environment(
    loader=_loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
_environment.filters |= {name: getattr(messages, name) for name in FILTERS}
_environment.filters["status"] = messages.STATUS.__getitem__
_environment.filters["code"] = code


def render_template(template: str, **values: object) -> str:
    """Return a page.

    Args:
        template: The name of a file in `templates/`.
        **values: What the template shows. All text is escaped; HTML must be a `markupsafe.Markup`.
    """
    return _environment.get_template(template).render(values) + "\n"


def write_feedback(record: SubmissionRecord, output: Path) -> Path:
    """Write OUTPUT/feedback/SLUG.html and return the file."""
    target = output / FOLDER / f"{record.slug}.html"
    write_atomically(target, feedback(record, executed_notebook(record, output)))
    return target


def feedback(record: SubmissionRecord, notebook: NotebookNode | None, remarks: Sequence[str] = ()) -> str:
    """Return the page of a student.

    Args:
        record: The student's record.
        notebook: The executed notebook, or None to show only the verdicts.
        remarks: Sentences about the mark at the top of the page, for example what being late costs.
    """
    found = None if notebook is None else [c for c in notebook.get("cells") or [] if isinstance(c, NotebookNode)]
    shown = None if found is None else _cells(found)
    more = len(found or ()) - len(shown or ())
    sentences = [*remarks, *record.notes]
    return render_template("feedback.html", record=record, cells=shown, more=more, remarks=sentences)


def executed_notebook(record: SubmissionRecord, output: Path) -> NotebookNode | None:
    """Return the executed notebook, or None unless it is readable and inside the output folder."""
    if record.notebook is None:
        return None
    path = (output / record.notebook).resolve()
    if not path.is_relative_to(output.resolve()):
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return nbformat.from_dict(content) if isinstance(content, dict) else None
    except (OSError, ValueError, RecursionError):
        return None


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


def write_overview(
    records: Sequence[SubmissionRecord], output: Path, differences: Sequence[object], not_graded: Sequence[str]
) -> Path:
    """Write OUTPUT/report.html and return the file."""
    target = output / "report.html"
    write_atomically(target, overview(records, differences, not_graded))
    return target


def overview(
    records: Sequence[SubmissionRecord], differences: Sequence[object] = (), not_graded: Sequence[str] = ()
) -> str:
    """Return the page for the instructor; what an interruption left and the audit's differences are at its top."""
    counts = Counter(record.status for record in records)
    distribution = summary.distribution(records)
    return render_template(
        "overview.html",
        records=records,
        unsandboxed=any(not record.sandboxed for record in records),
        differences=[str(difference) for difference in differences],
        not_graded=list(not_graded),
        failed=[record for record in records if not record.has_mark],
        doubtful=[record for record in records if record.doubt],
        unmarked=sum(len(record.unmarked) for record in records),
        by_hand=sum(question.by_hand for record in records for question in record.questions),
        outcomes=", ".join(f"{counts[status]} {status}" for status in STATUSES if counts[status]),
        containments=", ".join(sorted({record.containment for record in records if record.containment})),
        distribution=distribution,
        most=max((count for _, count in distribution), default=0) or 1,
        mistakes=summary.mistakes(records),
        checks=summary.checks(records),
        names_limit=NAMES_LIMIT,
    )
