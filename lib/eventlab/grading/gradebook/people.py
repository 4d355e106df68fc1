"""The people of a course: `roster.csv`, and which of them a name or an id on a learning platform means."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path

from eventlab.grading import csv_files


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

    def complete(self, **known: str) -> None:
        """Set the ids that are not known yet."""
        for column, value in known.items():
            if not getattr(self, column):
                setattr(self, column, value)


Line = tuple[Sequence[str], dict[str, str]]
"""A line of a table: full names, the name in the results, and ids by their columns in the roster."""
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
        """Return the only person with one of these ids or names.

        An id decides before a name, and the same name decides before one that is only written in another way.

        Args:
            *names: Names, in any order of first and last name.
            **known: Values of the ids of a `Person`; a person with another value is not meant.
        """
        return self._match(names, known)

    def _match(
        self, names: Sequence[str], known: dict[str, str], *, exactly: bool = False, taken: Collection[int] = ()
    ) -> Person | None:
        """Do what `match` does.

        Args:
            names: Names.
            known: Values of ids.
            exactly: Whether a name in another order or without spaces is no match.
            taken: The `id()` of people who are not meant by a name in another order or without spaces.
        """
        known = {column: value.casefold() for column, value in known.items() if value}
        for column in [column for column in IDS if column in known]:
            found = [person for person in self.members if getattr(person, column).casefold() == known[column]]
            found = [person for person in found if not _contradicts(person, known)]
            if len(found) == 1:
                return found[0]
        others = [] if exactly else [person for person in self.members if id(person) not in taken]
        for people, is_same in ((self.members, is_equal), (others, is_alike)):
            for name in dict.fromkeys(filter(None, names)):
                for known_as in ("student", "name"):
                    found = [person for person in people if is_same(getattr(person, known_as), name)]
                    found = [person for person in found if not _contradicts(person, known)]
                    if len(found) == 1:
                        return found[0]
        return None

    def find(self, text: str) -> Person | None:
        """Return the only person who has this id on any platform, this e-mail address, or this name."""
        wanted = text.casefold()
        with_id = [p for p in self.members if any(getattr(p, column).casefold() == wanted for column in IDS)]
        return with_id[0] if len(with_id) == 1 else self.match(text)

    def assign(self, lines: Sequence[Line]) -> list[Person | None]:
        """Return the person of each line of one table; without a roster, new ones are added.

        A person who has a line with the same id or name does not get another line whose name is only similar.
        Missing ids are completed.
        """
        found = [self._match(names, known, exactly=True) for names, known in lines]
        taken = {id(person) for person in found if person}
        for place, (names, known) in enumerate(lines):
            person = found[place] or self._match(names, known, taken=taken)
            if person is None and not self.has_roster:
                person = Person(names[-1], next(filter(None, names[:-1]), ""))
                self.members.append(person)
            if person:
                person.complete(**known)
                taken.add(id(person))
            found[place] = person
        return found


def _contradicts(person: Person, known: dict[str, str]) -> bool:
    values = ((getattr(person, column).casefold(), value) for column, value in known.items())
    return any(own and own != value for own, value in values)


@cache
def plain(name: str) -> str:
    """Return a name in small letters, with one space between its words, whatever form of Unicode it has."""
    return " ".join(unicodedata.normalize("NFC", name).casefold().split())


def is_equal(one: str, other: str) -> bool:
    """Return whether two names are the same text."""
    return plain(one) == plain(other)


def is_alike(one: str, other: str) -> bool:
    """Return whether two names may be the same name, written in two ways; at least one has two words.

    User names such as `jo-hn` and `john` are two people.
    """
    return any(mark in name for name in (one, other) for mark in " ,") and bool(forms(one) & forms(other))


@cache
def forms(name: str) -> frozenset[str]:
    """Return the ways to write a name: `Ada Lovelace`, `Lovelace, Ada`, and `lovelaceada` as Canvas does.

    Vowel signs and accents belong to their letters. Two numbers stay two: `team 1 1` is not `team 11`.
    """
    kept = (c if unicodedata.category(c)[0] in "LMN" else " " for c in plain(name))
    words = "".join(kept).split()
    turned: Iterable[list[str]] = ([*words[n:], *words[:n]] for n in range(len(words)))
    return frozenset(re.sub(r"(?<=\d) (?=\d)", ".", " ".join(some)).replace(" ", "") for some in turned)
