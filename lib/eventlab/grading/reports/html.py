"""The HTML reports without scripts: report.html for the instructor, and one page per student."""

from __future__ import annotations

import base64
import io
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import nbformat
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from nbformat import NotebookNode

from eventlab.grading.reports import messages
from eventlab.grading.reports.cells import cell_html
from eventlab.grading.reports.messages import line
from eventlab.grading.results import STATUSES, CheckResult, SubmissionRecord, write_atomically

FOLDER = "feedback"
CELLS_LIMIT = 500
PAGE_LIMIT = 20_000_000
"""Characters of cells a page: a browser still opens it."""
PASSED, FAILED = "#4c9f70", "#d0706b"

_loader = PackageLoader("eventlab.grading.reports")
_environment = Environment(
    loader=_loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
_environment.filters |= {name: getattr(messages, name) for name in ("clean", "for_student", "line", "number")}
_environment.filters["status"] = messages.STATUS.__getitem__


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


@dataclass(frozen=True)
class CheckSummary:
    """One check over the class; `commonest` is the most frequent wrong result and `times` its count."""

    question: str
    name: str
    hidden: bool
    passed: int
    of: int
    commonest: str
    times: int


def write_overview(records: Sequence[SubmissionRecord], output: Path, differences: Sequence[object] = ()) -> Path:
    """Write OUTPUT/report.html and return the file."""
    target = output / "report.html"
    write_atomically(target, overview(records, differences))
    return target


def summaries(records: Sequence[SubmissionRecord]) -> list[CheckSummary]:
    """Return every check in the order of the lab, with its pass rate and most common failure."""
    groups: dict[tuple[str, str], list[CheckResult]] = {}
    for record in records:
        for check in record.checks:
            groups.setdefault((check.question, check.name), []).append(check)
    return [_summary(checks) for checks in groups.values()]


def _summary(checks: Sequence[CheckResult]) -> CheckSummary:
    first = checks[0]
    failures = Counter(line(check.got) or "nothing" for check in checks if not check.passed)
    commonest, times = failures.most_common(1)[0] if failures else ("", 0)
    passed = sum(check.passed for check in checks)
    return CheckSummary(first.question, first.name, first.hidden, passed, len(checks), commonest, times)


def overview(records: Sequence[SubmissionRecord], differences: Sequence[object] = ()) -> str:
    """Return the page for the instructor; the audit's differences are at its top."""
    counts = Counter(record.status for record in records)
    checks = summaries(records)
    return render_template(
        "overview.html",
        records=records,
        unsandboxed=any(not record.sandboxed for record in records),
        differences=[str(difference) for difference in differences],
        failed=[record for record in records if not record.has_mark],
        doubtful=[record for record in records if record.doubt],
        outcomes=", ".join(f"{counts[status]} {status}" for status in STATUSES if counts[status]),
        containments=", ".join(sorted({record.containment for record in records if record.containment})),
        distribution=_picture(_distribution(records)),
        checks=checks,
        pass_rates=_picture(_pass_rates(checks)) if checks else "",
    )


def _distribution(records: Sequence[SubmissionRecord]) -> Figure:
    """Plot how many students have which share of the points, in steps of 10 %."""
    points = [(record.points, record.max_points) for record in records if record.points is not None]
    shares = [100 * earned / most if most else 0 for earned, most in points]
    figure = Figure(figsize=(8, 2.8), layout="constrained")
    axes = figure.add_subplot()
    axes.hist(shares, bins=range(0, 101, 10), color=PASSED, edgecolor="white")
    axes.set(xlabel="% of the points", ylabel="students", xlim=(0, 100))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def _pass_rates(found: Sequence[CheckSummary]) -> Figure:
    """Plot one bar per check: the share that passed and, next to it, the most common failure."""
    figure = Figure(figsize=(10, 0.8 + 0.34 * len(found)), layout="constrained")
    axes = figure.add_subplot()
    rates = [100 * check.passed / check.of for check in found]
    rows = range(len(found))
    axes.barh(rows, rates, color=PASSED)
    axes.barh(rows, [100 - rate for rate in rates], left=rates, color=FAILED)
    for row, check in zip(rows, found, strict=True):
        if check.times:
            failure = _plain(f"{check.times} times: {check.commonest}", 50)
            axes.text(102, row, failure, va="center", fontsize=8, parse_math=False)
    axes.set_yticks(rows, [_plain(f"{check.question}  {check.name}", 48) for check in found], parse_math=False)
    axes.invert_yaxis()
    axes.set(xlabel="% passed (right of the bar: the most frequent wrong result)", xlim=(0, 100))
    return figure


def _plain(text: str, limit: int) -> str:
    """Replace characters that the plot's font does not have."""
    return line(text, limit).encode("latin-1", "replace").decode("latin-1")


def _picture(figure: Figure) -> str:
    """Return a figure as the base64 text of a PNG."""
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    return base64.b64encode(buffer.getvalue()).decode()
