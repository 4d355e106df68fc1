"""`eventlab grade`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from eventlab.cli.signals import continuable
from eventlab.labs.catalogue import find

if TYPE_CHECKING:
    from eventlab.grading.records import SubmissionRecord


@click.command()
@click.argument("lab", metavar="LAB")
@click.argument(
    "submissions", metavar="SUBMISSIONS...", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path)
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for records and reports  [default: build/grades/LAB]",
)
@click.option(
    "--workers", type=click.IntRange(1, 64), help="Submissions at a time  [default: by cores and memory]"
)
@click.option(
    "--cell-timeout",
    default=60,
    show_default=True,
    type=click.IntRange(1, 86400),
    metavar="S",
    help="Seconds a cell.",
)
@click.option(
    "--memory",
    default=1024,
    show_default=True,
    type=click.IntRange(256),
    metavar="MiB",
    help="Memory a submission.",
)
@click.option("--force", is_flag=True, help="Grade all again, also what has not changed.")
def grade(
    lab: str,
    submissions: tuple[Path, ...],
    output: Path | None,
    workers: int | None,
    cell_timeout: int,
    memory: int,
    force: bool,
) -> None:
    """Grade what students handed in, from outside, and write the reports.

    SUBMISSIONS is a folder of STUDENT.ipynb files, a folder of STUDENT/... folders, the zip that a learning
    management system exports, or several such files or folders, one a student. Every submission runs in a
    sandbox on fresh data of its own, and gets a record whatever it does; a question that hangs or dies costs
    its own points only. Needs no running stack.

    \b
    Examples:
      eventlab grade lab01 submissions/
      eventlab grade lab03 export.zip --output grades/lab03 --workers 4
      eventlab grade lab04 submissions/ --cell-timeout 120 --memory 2048

    \b
    In the output folder afterwards:
      grades.csv              a row a student
      checks.csv              a row a check, with expected and got
      report.html             the class: distribution, pass rates, commonest failures
      feedback/               a page a student, to hand back
      gradescope/             results.json a student

    Stopped with Ctrl-C, the same command goes on where it was. Run again, it grades only what has changed.
    """
    from eventlab.cli.display import console
    from eventlab.grading.gather import gathered
    from eventlab.grading.grade import grade as grade_all
    from eventlab.grading.progress import show_grading

    found = find(lab)
    target = output or Path("build", "grades", found.name)
    with continuable(), gathered(submissions) as source, show_grading(console()) as progress:
        records = grade_all(
            found,
            source,
            target,
            workers=workers,
            cell_timeout=cell_timeout,
            memory_mib=memory,
            force=force,
            progress=progress,
        )
        from eventlab.grading.reports.every import write_all

        write_all(records, target)
    _show(records, target)


def _show(records: Sequence[SubmissionRecord], output: Path) -> None:
    """A row a student on standard output, and where the reports are."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from eventlab.grading.reports.words import line, number

    table = Table(box=None, pad_edge=False)
    for heading in ("student", "points", "status"):
        table.add_column(heading, justify="right" if heading == "points" else "left", overflow="fold")
    for record in records:
        points = f"{number(record.points)} / {number(record.max_points)}"
        table.add_row(escape(line(record.student, 40)), points, record.status)
    Console().print(table)
    click.echo(f"\nThe class at a glance: {output / 'report.html'}")
    click.echo(f"Grades: {output / 'grades.csv'}   feedback for students: {output / 'feedback'}/")
