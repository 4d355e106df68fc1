"""Show the progress of a grading."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from eventlab.grading.grade import GradingProgress
from eventlab.grading.reports.messages import line, number
from eventlab.grading.results import STATUSES, SubmissionRecord

COLOURS = {
    "graded": "green",
    "timed_out": "yellow",
    "died": "yellow",
    "unreadable": "red",
    "infrastructure_failed": "red",
}
WAITING = "waiting for the first result: when services must start, it takes about half a minute"


@contextmanager
def show_grading(screen: Console) -> Iterator[GradingProgress]:
    """Show a line per graded submission above a bar with counts and the time left; yield the callback for it."""
    if screen.is_terminal:
        with _bar(screen) as show:
            yield show
        return
    started = time.monotonic()

    def show_line(done: int, total: int, record: SubmissionRecord | None) -> None:
        if record is None:
            return screen.print(WAITING, highlight=False, soft_wrap=True)
        place = f"{done}/{total}"
        text = f"{time.monotonic() - started:6.1f} s  {place:>7}  {_verdict(record)}"
        screen.print(text, highlight=False, markup=False, soft_wrap=True)

    yield show_line


@contextmanager
def _bar(screen: Console) -> Iterator[GradingProgress]:
    shown = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[counts]}"))
    columns = (*shown, TimeElapsedColumn(), TextColumn("left:"), TimeRemainingColumn())
    counts: Counter[str] = Counter()
    with Bar(*columns, console=screen, transient=True) as bar:
        task = bar.add_task("", total=None, counts="")

        def show(done: int, total: int, record: SubmissionRecord | None) -> None:
            if record is None:
                return bar.update(task, completed=done, total=total, counts=WAITING)
            counts[record.status] += 1
            bar.console.print(f"[{COLOURS[record.status]}]{escape(_verdict(record))}[/]", highlight=False)
            text = ", ".join(f"{counts[status]} {status}" for status in STATUSES if counts[status])
            bar.update(task, completed=done, total=total, counts=text)

        yield show


def _verdict(record: SubmissionRecord) -> str:
    """Return a line such as `ada  12/14  graded  q3 2/4`: the points and the questions that lost some."""
    lost = "  ".join(
        f"{question.id} {number(question.points)}/{number(question.max_points)}"
        for question in record.questions
        if question.points is None or not question.is_full
    )
    points = f"{number(record.points)}/{number(record.max_points)}"
    return f"{line(record.student, 30):<24} {points:>7}  {record.status:<10} {lost}".rstrip()
