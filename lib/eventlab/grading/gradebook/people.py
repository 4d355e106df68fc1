"""The people of a course: `roster.csv`, and who of them is meant by a name or an id on a learning platform."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path

from eventlab.grading.gradebook import csv_files


@dataclass
class Person:
    """A student of the course; the fields are the columns of `roster.csv`.

    Moodle's id is not among them: it is another one in each assignment.

    Attributes:
        student: The name in the results, for example that of the notebook.
        name: The full name.
        email: The address that the platforms have.
        section: The group.
        canvas_id: The column `ID` of Canvas.
        sis_user_id: The column `SIS User ID` of Canvas.
        sis_login_id: The column `SIS Login ID` of Canvas.
        blackboard_id: The user name at Blackboard.
    """

    student: str
    name: str = ""
    email: str = ""
    section: str = ""
    canvas_id: str = ""
    sis_user_id: str = ""
    sis_login_id: str = ""
    blackboard_id: str = ""

    @property
    def label(self) -> str:
        """Return the full name, or else the name in the results."""
        return self.name or self.student


COLUMNS = tuple(column.name for column in fields(Person))
IDS = ("canvas_id", "sis_user_id", "sis_login_id", "blackboard_id", "email")


def read_roster(path: Path) -> list[Person]:
    """Read `roster.csv`; only its column `student` is required.

    Raises:
        TableError: The file cannot be used; the message lists each line that is wrong.
    """
    rows = csv_files.read_columns(path, COLUMNS, ["student"])
    problems = [f"line {number} has no student" for number, row in rows if not row["student"]]
    for column in ("student", *IDS):
        first: dict[str, int] = {}
        for number, row in rows:
            value = row.get(column, "").casefold()
            if value and first.setdefault(value, number) != number:
                problems.append(f"lines {first[value]} and {number} have the same {column}: {row[column]}")
    csv_files.refuse(path, problems)
    return [Person(**row) for _, row in rows]


@dataclass
class People:
    """The people of a course; without a roster, each new name adds one."""

    members: list[Person] = field(default_factory=list)
    has_roster: bool = False

    def match(self, *names: str, **known: str) -> Person | None:
        """Return the only person with one of these ids or names; an id is stronger than a name.

        Args:
            *names: Names, in any order of first and last name.
            **known: Values of the ids of a `Person`; a person with another value is not meant.
        """
        known = {column: value.casefold() for column, value in known.items() if value}
        possible = [person for person in self.members if not _contradicts(person, known)]
        for column in IDS:
            if column in known:
                found = [person for person in possible if getattr(person, column).casefold() == known[column]]
                if len(found) == 1:
                    return found[0]
        for name in filter(None, names):
            for known_as in ("student", "name"):
                found = [person for person in possible if forms(getattr(person, known_as)) & forms(name)]
                if len(found) == 1:
                    return found[0]
        return None

    def find(self, text: str) -> Person | None:
        """Return the only person who has this id on any platform, this e-mail address, or this name."""
        with_id = [p for p in self.members if text.casefold() in {getattr(p, id).casefold() for id in IDS}]
        return with_id[0] if len(with_id) == 1 else self.match(text)

    def match_or_add(self, student: str, *names: str, **known: str) -> Person | None:
        """Return the person that is meant; without a roster a new one, whose missing ids are completed."""
        person = self.match(*names, student, **known)
        if person is None and not self.has_roster:
            person = Person(student, next(filter(None, names), ""))
            self.members.append(person)
        if person:
            for column, value in known.items():
                if not getattr(person, column):
                    setattr(person, column, value)
        return person


def _contradicts(person: Person, known: dict[str, str]) -> bool:
    values = ((getattr(person, column).casefold(), value) for column, value in known.items())
    return any(own and own != value for own, value in values)


@cache
def forms(name: str) -> frozenset[str]:
    """Return the ways to write a name: `Ada Lovelace`, `Lovelace, Ada`, and `lovelaceada` as Canvas does."""
    words = re.findall(r"[^\W_]+", name.casefold())
    turned: Iterable[list[str]] = ([*words[n:], *words[:n]] for n in range(len(words)))
    return frozenset("".join(some) for some in turned)
