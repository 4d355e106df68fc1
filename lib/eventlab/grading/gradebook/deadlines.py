"""Due dates and late policies: the file `deadlines.csv`.

A line without a student is for the whole lab. What a line with a student states is for this student only: another
due date, or the time of the submission where no platform states it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from eventlab.grading import csv_files
from eventlab.grading.gradebook.people import People, Person

COLUMNS = ("lab", "student", "title", "due", "grace_hours", "points_per_day", "maximum_deduction", "submitted")
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Policy:
    """What applies to one student's submission to a lab.

    Attributes:
        title: The name of the assignment on the platform, or "".
        due: When it is due, in local time like `submitted`; None without a due date.
        grace_hours: A submission that is late by no more than these hours loses no points.
        points_per_day: The points that are deducted for each day that has begun after the due date.
        maximum_deduction: The most points that are deducted, or None without a limit.
        submitted: When it was handed in, if the file states it.
    """

    title: str = ""
    due: datetime | None = None
    grace_hours: float = 0
    points_per_day: float = 0
    maximum_deduction: float | None = None
    submitted: datetime | None = None

    def days_late(self, submitted: datetime | None) -> int:
        """Return the days that count as late: 0 in time, without a due date, or with an unknown time.

        Seconds do not count: who hands in at 23:59:30 is in time at 23:59, on each platform.
        """
        if self.due is None or submitted is None:
            return 0
        late = submitted.replace(second=0, microsecond=0) - self.due
        return 0 if late <= timedelta(hours=self.grace_hours) else math.ceil(late / DAY)

    def deduction(self, days: int, points: float) -> float:
        """Return the deduction for a number of late days from a submission that earned `points`."""
        limits = [days * self.points_per_day, points]
        return min(limits if self.maximum_deduction is None else [*limits, self.maximum_deduction])


@dataclass(frozen=True)
class Deadlines:
    """The lines of the file: what a lab's line states, and what a student's line states, by lab and student."""

    path: Path | None = None
    labs: tuple[tuple[str, dict[str, Any]], ...] = ()
    students: tuple[tuple[int, str, str, dict[str, Any]], ...] = ()

    def of_people(self, persons: Mapping[str, Person | None]) -> dict[int, list[tuple[str, dict[str, Any]]]]:
        """Return the labs and values of the lines with a student, by the `id()` of the person (see `persons`)."""
        found: dict[int, list[tuple[str, dict[str, Any]]]] = {}
        for _, name, student, values in self.students:
            found.setdefault(id(persons[student]), []).append((name, values))
        return found

    def persons(self, people: People) -> dict[str, Person | None]:
        """Return the person of each student of the file."""
        return {student: people.find(student) for student in {student for _, _, student, _ in self.students}}

    def policy(self, lab: str, own: Iterable[tuple[str, dict[str, Any]]] = ()) -> Policy:
        """Return what applies to a submission to a lab.

        Args:
            lab: The lab's name.
            own: What the lines of this student state, by lab.
        """
        policy = Policy()
        for name, values in (*self.labs, *own):
            policy = replace(policy, **values) if is_lab(name, lab) else policy
        return policy

    def unknown(self, labs: list[str], persons: Mapping[str, Person | None]) -> list[str]:
        """Return a sentence for each line whose lab is not graded or whose student is unknown."""
        names = [name for name, _ in self.labs] + [name for _, name, _, _ in self.students]
        unused = [name for name in dict.fromkeys(names) if not any(is_lab(name, lab) for lab in labs)]
        return [f"{self.path}: no lab {name!r} is in this gradebook" for name in unused] + [
            f"{self.path}, line {number}: there is no student {student!r}, or more than one: write an id"
            for number, _, student, _ in self.students
            if persons[student] is None
        ]


def is_lab(name: str, lab: str) -> bool:
    """Return whether a lab is meant by this beginning of its name; `lab10` is not the beginning of `lab100`."""
    follows = lab.removeprefix(name)[:1]
    return lab.startswith(name) and not (name[-1:].isdigit() and follows.isdigit())


def read(path: Path) -> Deadlines:
    """Read `deadlines.csv`. A lab is named as in commands: `lab01` means `lab01_events`, too.

    Raises:
        TableError: The file cannot be used; the message lists each line that is wrong.
    """
    labs, students, problems = [], [], []
    for number, row in csv_files.read_columns(path, COLUMNS, ["lab"]):
        values: dict[str, Any] = {"title": row["title"]} if row.get("title") else {}
        for column in COLUMNS[3:]:
            if text := row.get(column, ""):
                convert = _time if column in ("due", "submitted") else _number
                try:
                    values[column] = convert(text, column)
                except ValueError as error:
                    problems.append(f"line {number}: {column} is {text!r}, {error}")
        if not row["lab"]:
            problems.append(f"line {number} has no lab")
        if student := row.get("student", ""):
            students.append((number, row["lab"], student, values))
        elif "submitted" in values:
            problems.append(f"line {number} states when it was submitted, but no student")
        else:
            labs.append((row["lab"], values))
    csv_files.refuse(path, problems)
    return Deadlines(path, tuple(labs), tuple(students))


def _time(text: str, column: str) -> datetime:
    """Return a local time; a due date without a time means the end of the day."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("not a time such as 2026-11-02 23:59") from None
    if found.tzinfo:
        raise ValueError("a time with a time zone: write the platform's local time")
    is_date = len(text) <= len("2026-11-02")
    return found + DAY - timedelta(seconds=1) if is_date and column == "due" else found


def _number(text: str, column: str) -> float:
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        raise ValueError("not a number") from None
    if not 0 <= value < math.inf:
        raise ValueError("not a number from 0 on")
    return value
