"""The command `eventlab gradebook`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.markup import escape
from rich.table import Table

from eventlab.cli.arguments import file_option, folder_option
from eventlab.cli.display import console
from eventlab.errors import EventlabError

if TYPE_CHECKING:
    from eventlab.grading.gradebook.book import Book
    from eventlab.grading.gradebook.worksheets import MoodleSheet

GRADES = Path("build", "grades")


@click.command()
@click.argument("labs", metavar="LAB...", nargs=-1, required=True)
@file_option("--roster", help="roster.csv: one row per student, with names and ids of platforms.")
@file_option("--deadlines", help="deadlines.csv: due dates, and what being late costs.")
@click.option(
    "--moodle",
    "moodle_files",
    multiple=True,
    metavar="[LAB=]FILE",
    help="Moodle's grading worksheet of a lab, which is filled in. Can be given once per lab.",
)
@file_option("--canvas", "canvas_file", help="The gradebook export of Canvas, which is filled in.")
@file_option(
    "--blackboard", "blackboard_file", help="The downloaded Grade Center of Blackboard, which is filled in."
)
@folder_option("--output", default="build/gradebook", help="Folder for the gradebook.")
def gradebook(
    labs: tuple[str, ...],
    roster: Path | None,
    deadlines: Path | None,
    moodle_files: tuple[str, ...],
    canvas_file: Path | None,
    blackboard_file: Path | None,
    output: Path,
) -> None:
    """Write the grades of one or several labs, and the files to upload to Moodle, Canvas and Blackboard.

    LAB is a lab that `eventlab grade` has graded, or the output folder of a grading. Nothing is graded again: you
    can correct the files below and run the command as often as you like.

    Examples:
      eventlab gradebook lab01
      eventlab gradebook lab01 lab02 --roster roster.csv --deadlines deadlines.csv
      eventlab gradebook lab01 --moodle worksheet.csv        Moodle's grading worksheet of the assignment
      eventlab gradebook lab01 lab02 --canvas export.csv     the exported gradebook of a Canvas course
      eventlab gradebook lab01 lab02 --blackboard gc.xls     the Grade Center of a Blackboard course

    Columns of roster.csv (only `student` is required):
      student, name, email, section, canvas_id, sis_user_id, sis_login_id, blackboard_id

    Columns of deadlines.csv (only `lab` is required); a row with a student is for this student only:
      lab, student, title, due, grace_hours, points_per_day, maximum_deduction, submitted

    The output folder contains afterwards:
      gradebook.html, gradebook.csv   one row per student, with each lab's mark and the total
      marks.csv                       one row per student and lab: points, time, days late, deduction, mark
      moodle/, canvas/                grades and a zip of feedback to upload, where ids of the platform are known
      blackboard/                     grades to upload
    """
    from eventlab.grading.gradebook import book as books
    from eventlab.grading.gradebook.deadlines import Deadlines
    from eventlab.grading.gradebook.deadlines import read as read_deadlines
    from eventlab.grading.gradebook.people import People, read_roster
    from eventlab.grading.gradebook.worksheets import read_blackboard, read_canvas
    from eventlab.grading.gradebook.write_all import write_all

    graded = [books.read_lab(folder_of(lab)) for lab in labs]
    sheets = _sheets(moodle_files, [lab.name for lab in graded])
    graded = [replace(lab, sheet=sheets.get(lab.name)) for lab in graded]
    people = People(read_roster(roster), has_roster=True) if roster else People()
    canvas = read_canvas(canvas_file) if canvas_file else None
    blackboard = read_blackboard(blackboard_file) if blackboard_file else None
    exported = [sheet for sheet in (canvas, blackboard) if sheet]
    book = books.make(graded, people, read_deadlines(deadlines) if deadlines else Deadlines(), exported)
    written = write_all(book, output, canvas, blackboard)
    _show(book)
    for problem in book.problems:
        click.echo(f"Decide: {problem}")
    for note in written.notes:
        click.echo(f"Note: {note}")
    click.echo("\nWritten:\n" + "\n".join(f"  {path}" for path in written.files))


def folder_of(lab: str) -> Path:
    """Return the folder of a lab's grades: the argument itself, or that of the lab with this name.

    Raises:
        EventlabError: The lab has not been graded.
        LabError: There is no lab of this name.
    """
    from eventlab.grading.results import FOLDER
    from eventlab.labs.catalogue import find

    if (Path(lab) / FOLDER).is_dir():
        return Path(lab)
    if (GRADES / lab / FOLDER).is_dir():
        return GRADES / lab
    folder = GRADES / find(lab).name
    if not (folder / FOLDER).is_dir():
        raise EventlabError(
            f"{lab} has not been graded: there is no folder {folder / FOLDER}. If the grades are in another "
            "folder, name it in place of the lab",
            next_command=f"eventlab grade {lab} submissions/",
        )
    return folder


def _sheets(arguments: tuple[str, ...], names: list[str]) -> dict[str, MoodleSheet]:
    """Return Moodle's worksheets by the name of the lab."""
    from eventlab.grading.gradebook.deadlines import is_lab
    from eventlab.grading.gradebook.worksheets import read_moodle

    found, example = {}, names[0].split("_")[0]
    for argument in arguments:
        is_file = Path(argument).exists() or "=" not in argument
        lab, is_named, file = ("", "", argument) if is_file else argument.partition("=")
        meant = [name for name in names if is_lab(lab, name)] if is_named or len(names) == 1 else []
        if not file:
            raise EventlabError(
                f"--moodle {argument} names no file. Write --moodle {lab or example}=worksheet.csv"
            )
        if len(meant) != 1:
            raise EventlabError(f"--moodle {argument}: for which lab? Write --moodle {example}={file}")
        found[meant[0]] = read_moodle(Path(file))
    return found


def _show(book: Book) -> None:
    """Print one row per lab."""
    from eventlab.grading.reports.messages import line, number

    table = Table("lab", "handed in", "not handed in", "late", "average mark", box=None, pad_edge=False)
    for lab in book.labs:
        marks = book.of_lab(lab)
        counted = [mark.mark for mark in marks if mark.mark is not None]
        average = number(round(sum(counted) / len(counted), 1) if counted else None)
        handed_in, late = sum(mark.record is not None for mark in marks), sum(mark.days_late > 0 for mark in marks)
        row = [str(handed_in), str(len(marks) - handed_in), str(late), f"{average} / {number(lab.max_points)}"]
        table.add_row(escape(line(lab.name, 40)), *row)
    console(stderr=False).print(table)
