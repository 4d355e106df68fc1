"""The command `eventlab grade`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.markup import escape
from rich.table import Table

from eventlab.cli.display import console
from eventlab.cli.signals import CONTINUE, terminable
from eventlab.errors import EventlabError

if TYPE_CHECKING:
    from eventlab.grading.results import SubmissionRecord


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
    "--workers",
    type=click.IntRange(1, 64),
    help="Submissions graded at the same time  [default: by cores and memory]",
)
@click.option(
    "--cell-timeout", default=60, type=click.IntRange(1, 86400), metavar="S", help="Seconds that a cell may run."
)
@click.option(
    "--memory", "memory_mib", default=1024, type=click.IntRange(256), metavar="MiB", help="Memory per submission."
)
@click.option(
    "--time-limit",
    default=600,
    type=click.IntRange(1, 86400),
    metavar="S",
    help="Seconds that a submission may take in all, over all its runs.",
)
@click.option("--fresh", is_flag=True, help="Start new services for each submission (slow).")
@click.option(
    "--audit",
    "audit_count",
    default=0,
    type=click.IntRange(0),
    metavar="N",
    help="Grade N random submissions again on new services; differences are reported, and the exit code is 1.",
)
@click.option("--force", is_flag=True, help="Also grade submissions that have not changed.")
@click.option("--no-sandbox", is_flag=True, help="Grade also where no sandbox is available: trusted code only.")
def grade(
    lab: str,
    submissions: tuple[Path, ...],
    output: Path | None,
    no_sandbox: bool,
    audit_count: int,
    **options: Any,
) -> None:
    """Grade submissions and write reports.

    SUBMISSIONS is a folder of STUDENT.ipynb files, a folder of STUDENT/... folders, the zip file that a learning
    management system exports, or several such files or folders, one per student. Each submission runs in a
    sandbox on its own data. A question that fails, hangs or ends the kernel costs only its own points. No
    running stack is needed. Grading needs Linux with bubblewrap; `eventlab doctor` shows whether a sandbox is
    available. When the machine fails and not the submission, the submission has no mark and the exit code is 1.

    Examples:
      eventlab grade lab01 submissions/
      eventlab grade lab03 export.zip --output grades/lab03 --workers 4
      eventlab grade lab04 submissions/ --cell-timeout 120 --memory 2048
      eventlab grade lab02 submissions/ --audit 5

    The output folder contains afterwards:
      grades.csv              one row per student
      checks.csv              one row per check, with expected and received values
      submissions.csv         which file of each student counts, and when it was handed in
      report.html             the class: distribution, pass rates, most frequent failures
      feedback/               one page per student, to hand back
      gradescope/             one results.json per student

    Ctrl-C stops grading; the same command continues with the submissions that are left. A later run grades only
    submissions that have changed.
    """
    from eventlab.doctor.host import require_grading_platform
    from eventlab.grading import grade as grading
    from eventlab.grading.collect import collected
    from eventlab.grading.progress import show_grading
    from eventlab.labs.catalogue import find

    require_grading_platform()
    grading.require_sandbox(no_sandbox)
    graded_lab = find(lab)
    target = output or Path("build", "grades", graded_lab.name)
    with terminable(CONTINUE), collected(submissions) as source:
        with show_grading(console()) as progress:
            records = grading.grade(graded_lab, source, target, progress=progress, **options)
        from eventlab.grading.reports.write_all import write_all  # now: the plots take a second to import

        write_all(records, target)
        differences: Sequence[object] = ()
        if audit_count:
            limits = {name: options[name] for name in ("workers", "cell_timeout", "memory_mib", "time_limit")}
            differences = grading.audit(graded_lab, source, target, records, count=audit_count, **limits)
            write_all(records, target, differences)
    _show(records, target)
    _require_marks(records)
    if differences:
        found = "; ".join(map(str, differences))
        raise EventlabError(f"The audit found {len(differences)} differences: {found}", "eventlab doctor")


def _show(records: Sequence[SubmissionRecord], output: Path) -> None:
    """Print one row per student, and where the reports are."""
    from eventlab.grading.reports.messages import line, number

    table = Table("student", "points", "status", box=None, pad_edge=False)
    table.columns[1].justify = "right"
    for record in records:
        points = f"{number(record.points)} / {number(record.max_points)}"
        table.add_row(escape(line(record.student, 40)), points, record.status)
    console(stderr=False).print(table)
    for record in records:
        if record.doubt:
            click.echo(f"The mark of {line(record.student, 40)} may be too low: {line(record.doubt, 1000)}")
    click.echo(f"\nReport on the class: {output / 'report.html'}")
    click.echo(f"Grades: {output / 'grades.csv'}   feedback for students: {output / 'feedback'}/")


def _require_marks(records: Sequence[SubmissionRecord]) -> None:
    """Raise an error when a submission has no mark because the machine failed."""
    failed = [record for record in records if not record.has_mark]
    if failed:
        raise EventlabError(
            f"{len(failed)} of {len(records)} submissions have no mark, because the grading machine failed: "
            f"{failed[0].student}: {'; '.join(failed[0].messages)}. The same command grades only these again",
            next_command="eventlab doctor",
        )
