"""The marks of a course: each person's record of each lab, when it was handed in, and what being late costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from eventlab.errors import EventlabError
from eventlab.grading import results
from eventlab.grading.collect import Origin
from eventlab.grading.gradebook import origins
from eventlab.grading.gradebook.deadlines import Deadlines, Policy
from eventlab.grading.gradebook.people import People, Person
from eventlab.grading.gradebook.worksheets import CanvasSheet, MoodleSheet
from eventlab.grading.reports.messages import number
from eventlab.grading.results import SubmissionRecord

MISSING = "not handed in"


class GradebookError(EventlabError):
    """The gradebook cannot be made; the message says why."""


@dataclass(frozen=True)
class LabGrades:
    """The records of one lab, and where their submissions come from."""

    name: str
    folder: Path
    records: tuple[SubmissionRecord, ...]
    origins: dict[str, Origin]
    sheet: MoodleSheet | None = None

    @property
    def max_points(self) -> float:
        """Return the most points of the lab."""
        return max(record.max_points for record in self.records)


@dataclass(frozen=True)
class Mark:
    """A person's mark in a lab.

    Attributes:
        record: The record, or None if nothing was handed in.
        submitted: When it was handed in, in the platform's local time, or None if nobody states it.
        days_late: The days that count as late.
        deduction: The points that being late costs.
        note: What the instructor has to know or do, or "".
    """

    person: Person
    lab: LabGrades
    record: SubmissionRecord | None = None
    origin: Origin = field(default_factory=Origin)
    policy: Policy = field(default_factory=Policy)
    submitted: datetime | None = None
    days_late: int = 0
    deduction: float = 0
    note: str = ""

    @property
    def points(self) -> float | None:
        """Return the points of the work, before any deduction; None without a mark."""
        return self.record.points if self.record else None

    @property
    def mark(self) -> float | None:
        """Return the points that count; None without a mark."""
        return None if self.points is None else self.points - self.deduction

    @property
    def status(self) -> str:
        """Return the status of the record, or that nothing was handed in."""
        return self.record.status if self.record else MISSING

    @property
    def summary(self) -> str:
        """Return the mark and how it came about, as sentences for the student."""
        sentence = f"{number(self.mark)} of {number(self.lab.max_points)} points."
        if not self.days_late:
            return sentence
        return (
            f"{sentence} The work earned {number(self.points)} points; handed in {self.days_late} "
            f"{'day' if self.days_late == 1 else 'days'} late, which costs {number(self.deduction)} points."
        )


@dataclass
class Book:
    """The marks by person and lab, in the order of the people, and what the instructor has to look at."""

    labs: list[LabGrades]
    people: People
    marks: dict[tuple[int, str], Mark] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def mark(self, person: Person, lab: LabGrades) -> Mark:
        """Return a person's mark in a lab."""
        return self.marks.get((id(person), lab.name)) or Mark(person, lab)

    def of_lab(self, lab: LabGrades) -> list[Mark]:
        """Return the marks of a lab, one per person."""
        return [self.mark(person, lab) for person in self.people.members]

    def total(self, person: Person) -> float:
        """Return the sum of a person's marks; a lab without a mark counts nothing."""
        return sum(self.mark(person, lab).mark or 0 for lab in self.labs)


def read_lab(folder: Path, sheet: MoodleSheet | None = None) -> LabGrades:
    """Read the records of an output folder of `eventlab grade`.

    Raises:
        GradebookError: It has no records, or those of several labs.
    """
    records = tuple(results.load_all(folder))
    names = sorted({record.lab for record in records})
    if len(names) != 1:
        found = f"records of several labs: {', '.join(names)}" if names else "no records of submissions"
        raise GradebookError(f"{folder} has {found}. Grade the lab first", "eventlab grade --help")
    return LabGrades(names[0], folder, records, origins.read(folder), sheet)


def make(
    labs: Sequence[LabGrades], people: People, deadlines: Deadlines, exported: CanvasSheet | None = None
) -> Book:
    """Return the gradebook of these labs.

    Args:
        labs: The labs.
        people: The people of the roster; without a roster, those of the worksheets and records are added.
        deadlines: Due dates and late policies.
        exported: The gradebook export of Canvas.

    Raises:
        GradebookError: Two folders have records of one lab.
    """
    names = [lab.name for lab in labs]
    if len(set(names)) < len(names):
        raise GradebookError(f"two folders have records of one lab: {', '.join(sorted(names))}. Name one of them")
    book = Book(list(labs), people)
    if exported:
        for row in exported.students:
            exported.person(row, people)
    for lab in labs:
        for line in lab.sheet.rows if lab.sheet else ():
            people.match_or_add(line.name, line.name, email=line.email)
    for lab in labs:
        for record in lab.records:
            _add(book, lab, record, deadlines)
    book.people.members.sort(key=lambda person: person.label.casefold())
    book.problems += deadlines.unknown(names, people)
    book.problems += [sentence for lab in labs if (sentence := _without_time(book.of_lab(lab)))]
    book.problems += [
        f"{mark.lab.name}, {mark.person.label}: {mark.note}" for mark in book.marks.values() if mark.note
    ]
    return book


def _without_time(marks: Sequence[Mark]) -> str:
    """Return a sentence about the submissions that may be late, or ""; Canvas marks those that are."""
    handed_in = [mark for mark in marks if mark.record and mark.policy.due and mark.policy.points_per_day]
    unknown = [mark for mark in handed_in if not mark.submitted and mark.origin.platform != "canvas"]
    if not unknown:
        return ""
    names = ", ".join(mark.person.label for mark in unknown[:5]) + (", …" if len(unknown) > 5 else "")
    return (
        f"{unknown[0].lab.name}: nothing states when {len(unknown)} of {len(handed_in)} submissions were handed "
        f"in ({names}), so they count as in time. Name Moodle's worksheet with --moodle, or add lines with "
        "`submitted` to deadlines.csv"
    )


def _add(book: Book, lab: LabGrades, record: SubmissionRecord, deadlines: Deadlines) -> None:
    """Add a record's mark to its person; a later submission of the same person wins."""
    origin = lab.origins.get(record.slug, Origin())
    row = lab.sheet.row_of(origin.id) if lab.sheet and origin.platform == "moodle" else None
    known = {f"{origin.platform}_id": origin.id} if origin.platform in ("canvas", "blackboard") else {}
    known |= {"email": row.email} if row and row.email else {}
    namesakes = [one for one in lab.origins.values() if one.name == origin.name]
    name = row.name if row else origin.name if len(namesakes) == 1 else ""
    person = book.people.match_or_add(record.student, name, **known)
    if person is None:
        book.problems.append(
            f"{lab.name}, {record.student}: is not in the roster and has no line in the gradebook"
        )
        return
    row = row or (lab.sheet.row_for(person) if lab.sheet else None)
    mark = _mark(book, lab, record, origin, person, deadlines, row.submitted if row else None)
    other = book.marks.get((id(person), lab.name))
    if other:
        earlier, later = sorted([other, mark], key=lambda one: one.submitted or datetime.min)
        book.problems.append(
            f"{lab.name}, {person.label}: two submissions, {earlier.record and earlier.record.student!r} and "
            f"{later.record and later.record.student!r}; the second one counts"
        )
        mark = later
    book.marks[id(person), lab.name] = mark


def _mark(
    book: Book,
    lab: LabGrades,
    record: SubmissionRecord,
    origin: Origin,
    person: Person,
    deadlines: Deadlines,
    sheet_time: datetime | None,
) -> Mark:
    """Return the mark. The time is that of deadlines.csv, else of Moodle's worksheet, else of the export."""
    policy = deadlines.policy(lab.name, person, book.people)
    exported = datetime.fromisoformat(origin.submitted) if origin.submitted else None
    submitted = policy.submitted or sheet_time or exported
    days = policy.days_late(submitted)
    note = ""
    if not record.has_mark:
        note = "the grading machine failed, so there is no mark: run the same `eventlab grade` again"
    elif policy.due and submitted is None and policy.points_per_day and origin.late:
        note = (
            "the platform marks it as late, but nothing states when it was submitted: add a line with `submitted` "
            "to deadlines.csv"
        )
    deduction = policy.deduction(days, record.points or 0)
    return Mark(person, lab, record, origin, policy, submitted, days, deduction, note)
