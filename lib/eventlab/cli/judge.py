"""The command `eventlab judge`."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from eventlab.cli.arguments import folder_option, lab_argument

if TYPE_CHECKING:
    from eventlab.grading.results import SubmissionRecord


@click.command()
@lab_argument
@click.argument("notebook", metavar="EXECUTED", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@folder_option("--output", help="Folder for the record and the reports.  [default: build/judged/LAB]")
@click.option("--json", "as_json", is_flag=True, help="Print the record as JSON.")
def judge(lab: str, notebook: Path, output: Path | None, as_json: bool) -> None:
    """Judge a notebook that papermill has executed on the running stack.

    EXECUTED is papermill's output. Its answers are in it; its messages and tables are in Kafka and on HDFS. The
    command runs the lab's checks on them, prints the results, and writes the record and the reports that
    `eventlab grade` writes. Papermill stops at the first error, so questions after it have no result. There is no
    sandbox: execute only notebooks that you trust.

    Examples:
      eventlab up
      EVENTLAB_WAITS=long papermill ada.ipynb executed.ipynb -p student ada -p seed 831
      eventlab judge lab01 executed.ipynb
      eventlab judge lab01 executed.ipynb --json
    """
    from eventlab import course
    from eventlab.doctor.host import require_grading_platform
    from eventlab.files import write_atomically
    from eventlab.grading import judge_notebook, results, whole_class
    from eventlab.grading.reports.write_all import write_all
    from eventlab.labs.catalogue import find

    require_grading_platform()
    judged_lab, executed = find(lab), judge_notebook.read(notebook)
    course.connect()
    record = judge_notebook.judge(judged_lab, notebook, executed)
    target = output or Path("build", "judged", judged_lab.name)
    record = replace(record, notebook=f"notebooks/{record.slug}.ipynb")
    with whole_class.locked(target):
        whole_class.require_lab(judged_lab, results.load_all(target), target)
        write_atomically(target / str(record.notebook), notebook.read_text(encoding="utf-8"))
        results.save(record, target)
        adjusted = write_all(results.load_all(target), target)
    shown = next(one for one in adjusted if one.student == record.student)
    click.echo(json.dumps(asdict(shown), indent=2) if as_json else as_text(shown, target))


def as_text(record: SubmissionRecord, output: Path) -> str:
    """Return the points, each check with what it expected and received, and where the reports are."""
    from eventlab.grading.reports.messages import line, number, points, remarks

    lines = []
    for question in record.questions:
        lines.append(f"{question.id}: {points(question)}")
        lines += [f"  {line(remark, 1000)}" for remark in remarks(question)]
        for check in question.checks:
            lines.append(f"  {'ok  ' if check.passed else 'FAIL'}  {line(check.name)}")
            values = (
                () if check.passed else (("expected", check.expected), ("got", check.got), ("hint", check.hint))
            )
            lines += [f"        {label + ':':<9} {line(text, 1000)}" for label, text in values if text]
    lines += [line(message, 1000) for message in (*record.messages, record.doubt) if message]
    total = f"{number(record.points)} of {number(record.max_points)} points"
    lines.append(f"{line(record.student)}: {total}. Record: {output / 'records' / record.slug}.json")
    return "\n".join(lines)
