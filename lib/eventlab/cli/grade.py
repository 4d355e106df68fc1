"""The command `eventlab grade`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.markup import escape
from rich.table import Table

from eventlab.cli.arguments import folder_option, lab_argument, submissions_argument
from eventlab.cli.display import console
from eventlab.cli.signals import CONTINUE, terminable
from eventlab.errors import EventlabError

if TYPE_CHECKING:
    from eventlab.grading.results import SubmissionRecord
    from eventlab.grading.whole_class import Selection
    from eventlab.labs.catalogue import Lab


@click.command()
@lab_argument
@submissions_argument
@folder_option("--output", help="Folder for records and reports.  [default: build/grades/LAB]")
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    help="Submissions graded at the same time.  [default: by cores and memory]",
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
@click.option(
    "--only",
    "students",
    multiple=True,
    metavar="STUDENT",
    help="Grade this student again; the others keep their results.",
)
@click.option(
    "--question", "questions", multiple=True, metavar="QUESTION", help="Replace the results of this question only."
)
@click.option("--check", "checks", multiple=True, metavar="CHECK", help="Replace the results of this check only.")
@click.option("--no-sandbox", is_flag=True, help="Grade also where no sandbox is available: trusted code only.")
def grade(
    lab: str,
    submissions: tuple[Path, ...],
    output: Path | None,
    no_sandbox: bool,
    cell_timeout: int,
    memory_mib: int,
    time_limit: int,
    audit_count: int,
    students: tuple[str, ...],
    questions: tuple[str, ...],
    checks: tuple[str, ...],
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
      eventlab grade lab01 submissions/ --only ada --question q2    again, and update the class's report
      eventlab grade lab01 submissions/ --check "no event is missing"

    The output folder contains afterwards:
      grades.csv              one row per student
      checks.csv              one row per check, with expected and received values
      submissions.csv         which file of each student counts, and when it was handed in
      report.html             the class: distribution, pass rates, most frequent failures
      feedback/               one page per student, to hand back
      gradescope/             one results.json per student

    Points and comments of your own: write the file adjustments.csv (student,question,points,comment) into the
    output folder and run the same command again. The grader never changes this file.

    Ctrl-C stops grading and writes the reports of what is done; the same command continues with the submissions
    that are left. A later run grades only submissions that have changed.
    """
    from eventlab.doctor.host import require_grading_platform
    from eventlab.grading import grade as grading
    from eventlab.grading import whole_class
    from eventlab.grading.audit import audit
    from eventlab.grading.jobs import Limits
    from eventlab.grading.named_sources import collected
    from eventlab.grading.reports.write_all import write_all
    from eventlab.labs.catalogue import find

    require_grading_platform()
    grading.require_sandbox(no_sandbox)
    graded_lab = find(lab)
    selection = whole_class.select(graded_lab, students, questions, checks)
    target = output or Path("build", "grades", graded_lab.name)
    options["limits"] = limits = Limits(cell_timeout, memory_mib, time_limit)
    with terminable(CONTINUE), whole_class.locked(target), collected(submissions) as source:
        before = whole_class.students(target)
        graded = _grade(graded_lab, source, target, selection, options)
        records = whole_class.completed(graded, target) if selection else graded
        adjusted = write_all(records, target)
        chosen = {"count": audit_count, "workers": options["workers"], "limits": limits}
        differences = audit(graded_lab, source, target, graded, **chosen)
        if differences:
            write_all(records, target, differences)
    _show(adjusted, target)
    _show_gone({*before} - {record.student for record in records})
    _require_marks(graded)
    _require_same(differences)


def _require_same(differences: Sequence[object]) -> None:
    """Raise an error when the audit has found differences."""
    if differences:
        found = "; ".join(map(str, differences))
        raise EventlabError(f"The audit found {len(differences)} differences: {found}", "eventlab doctor")


def _grade(
    lab: Lab, source: Path, target: Path, selection: Selection, options: dict[str, Any]
) -> list[SubmissionRecord]:
    """Grade with a progress bar; after Ctrl-C write the reports of what is done."""
    from eventlab.cli.grading_progress import show_grading
    from eventlab.grading import whole_class
    from eventlab.grading.grade import grade
    from eventlab.grading.reports.write_all import write_all

    done: list[SubmissionRecord] = []
    try:
        with show_grading(console()) as progress:

            def keep(count: int, total: int, record: SubmissionRecord | None) -> None:
                done.extend([record] if record else [])
                progress(count, total, record)

            return grade(lab, source, target, selection=selection, progress=keep, **options)
    except KeyboardInterrupt:
        if done:
            so_far, not_graded = whole_class.interrupted(done, target, selection)
            write_all(so_far, target, not_graded=not_graded)
            click.echo(f"Report so far: {target / 'report.html'}", err=True)
        raise


def _show_gone(students: set[str]) -> None:
    """Name students of the last report who are not in this one."""
    from eventlab.grading.reports.messages import line

    if students:
        click.echo(
            f"{len(students)} students of the last report are not among these submissions, and not in this "
            f"report: {', '.join(line(student, 40) for student in sorted(students)[:5])}. Their records are kept, "
            "not their feedback pages. "
            "To grade some students into the report on all, add --only STUDENT",
            err=True,
        )


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
    if unmarked := sum(len(record.unmarked) for record in records):
        answers = "1 answer is" if unmarked == 1 else f"{unmarked} answers are"
        click.echo(f"{answers} not marked yet: {output / 'marking.html'}, {output / 'to_mark.csv'}")
    click.echo(f"\nReport on the class: {output / 'report.html'}")
    click.echo(f"Grades: {output / 'grades.csv'}   feedback for students: {output / 'feedback'}/")


def _require_marks(records: Sequence[SubmissionRecord]) -> None:
    """Raise an error when the machine failed: a submission has no mark, or was not graded again."""
    from eventlab.grading.grade import NOT_AGAIN

    kept = [record for record in records if record.messages and record.messages[-1].startswith(NOT_AGAIN)]
    if kept:
        message = f"{len(kept)} of {len(records)} submissions: {kept[0].student} {kept[0].messages[-1]}"
        raise EventlabError(message, next_command="eventlab doctor")
    failed = [record for record in records if not record.has_mark]
    if failed:
        raise EventlabError(
            f"{len(failed)} of {len(records)} submissions have no mark, because the grading machine failed: "
            f"{failed[0].student}: {'; '.join(failed[0].messages)}. The same command grades only these again",
            next_command="eventlab doctor",
        )
