"""The tables that instructors download from Moodle, Canvas and Blackboard, and upload again with marks.

Moodle, the grading worksheet of an assignment: `Identifier` is `Participant 123`. The names of the exported files
contain the same number, which differs in each assignment. To import, Moodle needs the columns `Identifier`,
`Grade` and `Last modified (grade)`. Sources: `mod/assign/feedback/offline/importgradeslib.php` of
https://github.com/moodle/moodle and https://docs.moodle.org/en/Using_Assignment

Canvas, the gradebook export of a course: students are found by `ID`, assignments by the number in `Title (123)`.
Sources: `lib/gradebook_importer.rb` of https://github.com/instructure/canvas-lms and
https://teaching.resources.osu.edu/toolsets/carmencanvas/guides/calculating-final-grades/import-csv-file-carmen-grades

Blackboard, the Grade Center of a course: students are found by `Username`, columns by the number at their end,
`Title [Total Pts: 16 Score] |123`. A file `.xls` has tabs between its fields (Blackboard writes UTF-16), a file
`.csv` has commas. Sources: https://tips.uark.edu/uploading-your-grade-center/, the examples of
https://github.com/nbeaver/offline-grades-upload, and the instructors' help at http://library.blackboard.com:
/ref/3ea64795-6ecc-4abd-b595-0a9a8dfdec94/Content/_instructor_grade_center/grade_center_upload_download.htm
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

from eventlab.grading import csv_files
from eventlab.grading.csv_files import TableError
from eventlab.grading.gradebook.people import Line, Person, is_alike, is_equal, plain

MOODLE_COLUMNS = {
    "name": ("Full name",),
    "email": ("Email address",),
    "grade": ("Grade",),
    "maximum": ("Maximum grade", "Maximum Grade"),
    "submitted": ("Last modified (submission)",),
    "comments": ("Feedback comments",),
}
MOODLE_TIMES = ("%A, %d %B %Y, %I:%M %p", "%A, %d %B %Y, %H:%M", "%A, %B %d, %Y, %I:%M %p", "%d %B %Y, %I:%M %p")
CANVAS_PEOPLE = ("Student", "ID", "SIS User ID", "SIS Login ID", "Integration ID", "Root Account", "Section")
TEST_STUDENT = "Student, Test"
PREVIEW_USER = "_previewuser"
BLACKBOARD_PEOPLE = ("Last Name", "First Name", "Username")
THOUSANDS = re.compile(r"[1-9]\d{0,2}(,\d{3})+(\.\d+)?")
BLACKBOARD_COLUMN = re.compile(
    r"(?P<title>.*?) *\[Total Pts: (?:up to )?(?P<points>[\d.,]+)[^\]]*\] *\|(?P<id>\d+)", re.S
)
ASSIGNMENT = re.compile(r"(?P<title>.*) \((?P<id>\d+)\)", re.S)


@dataclass(frozen=True)
class MoodleRow:
    """A line of Moodle's worksheet: the id in this assignment, the person, and when the submission was changed."""

    id: str
    name: str
    email: str
    submitted: datetime | None


@dataclass(frozen=True)
class MoodleSheet:
    """Moodle's grading worksheet of one assignment; `columns` are the numbers of the columns that it has."""

    path: Path
    table: list[list[str]]
    columns: dict[str, int]

    @cached_property
    def rows(self) -> list[MoodleRow]:
        """Return the lines."""
        return [self._row(row) for row in self.table[1:] if any(row)]

    def _row(self, row: list[str]) -> MoodleRow:
        id = re.search(r"\d+$", row[0].strip())
        return MoodleRow(
            id[0] if id else "",
            self.field(row, "name"),
            self.field(row, "email"),
            _time(self.field(row, "submitted")),
        )

    def field(self, row: list[str], column: str) -> str:
        """Return a field of a line, or "" without this column."""
        number = self.columns.get(column, len(row))
        return row[number].strip() if number < len(row) else ""

    @cached_property
    def _by_id(self) -> dict[str, MoodleRow]:
        return {row.id: row for row in reversed(self.rows) if row.id}

    @cached_property
    def _namesakes(self) -> Counter[str]:
        return Counter(plain(row.name) for row in self.rows)

    def row_of(self, id: str) -> MoodleRow | None:
        """Return the line of an id."""
        return self._by_id.get(id)

    def name_of(self, row: MoodleRow) -> str:
        """Return the name of a line; with its number where several lines have the name and no e-mail address."""
        return row.name if row.email or self._namesakes[plain(row.name)] == 1 else f"{row.name} ({row.id})"

    def row_for(self, person: Person) -> MoodleRow | None:
        """Return the line of a person: by e-mail address, else by name if only one has it."""
        by_email = [row for row in self.rows if person.email and row.email.casefold() == person.email.casefold()]
        by_name = [row for row in self.rows if is_equal(row.name, person.label)]
        alike = [row for row in self.rows if is_alike(row.name, person.label)]
        return next((rows[0] for rows in (by_email, by_name, alike) if len(rows) == 1), None)


def read_moodle(path: Path) -> MoodleSheet:
    """Read a grading worksheet of Moodle.

    Raises:
        TableError: It is not a worksheet in English.
    """
    table = csv_files.read(path)
    header = [name.strip() for name in table[0]]
    columns = {
        column: header.index(name) for column, names in MOODLE_COLUMNS.items() for name in names if name in header
    }
    if header[:1] != ["Identifier"] or "grade" not in columns:
        raise TableError(
            f"{path} is not a grading worksheet of Moodle: its columns are {', '.join(header)}; needed are "
            "Identifier and Grade. Set Moodle's language to English and download the worksheet again"
        )
    return MoodleSheet(path, table, columns)


def _time(text: str) -> datetime | None:
    text = " ".join(text.split())
    for form in MOODLE_TIMES:
        try:
            return datetime.strptime(text, form)
        except ValueError:
            continue
    return None


@dataclass(frozen=True)
class CourseSheet:
    """The table of a course that Canvas or Blackboard exports: one line per student, one column per assignment."""

    path: Path
    table: list[list[str]]

    @property
    def header(self) -> list[str]:
        """Return the names of the columns."""
        return [name.strip() for name in self.table[0]]

    def field(self, row: list[str], column: str) -> str:
        """Return a field of a line, or "" without this column."""
        number = self.header.index(column) if column in self.header else len(row)
        return row[number].strip() if number < len(row) else ""


@dataclass(frozen=True)
class CanvasSheet(CourseSheet):
    """The gradebook export of Canvas; `first` is the number of the first line that is a student's."""

    first: int

    @property
    def students(self) -> list[list[str]]:
        """Return the students' lines."""
        return [row for row in self.table[self.first :] if any(row)]

    def name(self, row: list[str]) -> str:
        """Return the name in a line, or "" in that of the test student."""
        name = self.field(row, "Student")
        return "" if name == TEST_STUDENT else name

    def line(self, row: list[str]) -> Line:
        """Return the name and the ids of a student's line."""
        known = {column.lower().replace(" ", "_"): self.field(row, column) for column in CANVAS_PEOPLE[2:4]}
        last, _, first = self.field(row, "Student").partition(", ")
        full = f"{first} {last}".strip()
        return [full, full], {"canvas_id": self.field(row, "ID"), **known}

    def assignment(self, lab: str, title: str) -> str | None:
        """Return the only column that has the title, or else the lab's name, or begins as this name does."""
        titles = {name: match["title"] for name in self.header if (match := ASSIGNMENT.fullmatch(name))}
        return _column(titles, lab, title)

    def possible(self, column: str) -> float | None:
        """Return the points that are possible in an assignment, or None if it states none."""
        for row in self.table[1 : self.first]:
            if "Points Possible" in self.field(row, "Student"):
                return decimal(self.field(row, column))
        return None


def read_canvas(path: Path) -> CanvasSheet:
    """Read a gradebook export of Canvas.

    Raises:
        TableError: It is not such an export.
    """
    table = csv_files.read(path)
    header = [name.strip() for name in table[0]]
    if header[:2] != ["Student", "ID"] or "Section" not in header:
        raise TableError(
            f"{path} is not a gradebook export of Canvas: its columns are {', '.join(header[:8])}; needed are "
            "Student, ID and Section. Export the entire gradebook again"
        )
    first = next((n for n, row in enumerate(table) if n and len(row) > 1 and row[1].strip()), len(table))
    return CanvasSheet(path, table, first)


@dataclass(frozen=True)
class BlackboardSheet(CourseSheet):
    """The Grade Center of Blackboard."""

    @property
    def students(self) -> list[list[str]]:
        """Return the students' lines."""
        return [row for row in self.table[1:] if any(row)]

    def name(self, row: list[str]) -> str:
        """Return the name in a line, or "" in that of the preview user."""
        username = self.field(row, "Username")
        if username.endswith(PREVIEW_USER):
            return ""
        return f"{self.field(row, 'First Name')} {self.field(row, 'Last Name')}".strip() or username

    def line(self, row: list[str]) -> Line:
        """Return the name and the id of a student's line."""
        return [self.name(row)] * 2, {"blackboard_id": self.field(row, "Username")}

    def assignment(self, lab: str, title: str) -> str | None:
        """Return the only column that has the title, or else the lab's name, or begins as this name does."""
        return _column({name: match["title"] for name in self.header if (match := _blackboard(name))}, lab, title)

    def possible(self, column: str) -> float | None:
        """Return the points that are possible in a column, or None if it states none; `1,000` is a thousand."""
        points = match["points"] if (match := _blackboard(column)) else ""
        return decimal(points.replace(",", "") if THOUSANDS.fullmatch(points) else points)


def read_blackboard(path: Path) -> BlackboardSheet:
    """Read a Grade Center that was downloaded from Blackboard.

    Raises:
        TableError: It is not such a table.
    """
    table = csv_files.read(path)
    header = [name.strip() for name in table[0]]
    if "Username" not in header:
        raise TableError(
            f"{path} is not a Grade Center of Blackboard: its columns are {', '.join(header[:8])}; needed is "
            "Username. In the Grade Center, choose Work Offline, Download"
        )
    return BlackboardSheet(path, table)


def _blackboard(column: str) -> re.Match[str] | None:
    return BLACKBOARD_COLUMN.fullmatch(column)


def _column(titles: dict[str, str], lab: str, title: str) -> str | None:
    """Return the only name of a column whose title is the given one, or else the lab's name or its beginning."""
    if title:
        found = [name for name in titles if title.casefold() in (name.casefold(), titles[name].casefold())]
    else:
        exact = [name for name in titles if _plain(titles[name]) == _plain(lab)]
        begins = [name for name in titles if re.match(rf"{_plain(lab.split('_')[0])}(?!\d)", _plain(titles[name]))]
        found = exact or begins
    return found[0] if len(found) == 1 else None


def decimal(text: str) -> float | None:
    """Return a number that is written with a point or a comma; None for anything else."""
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return None


def _plain(name: str) -> str:
    """Return a name without spaces, punctuation and zeros before numbers: `Lab 01: Events` and `lab01_events`."""
    return re.sub(r"(?<!\d)0+(?=\d)", "", re.sub(r"[\W_]+", "", name.casefold()))
