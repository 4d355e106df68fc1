"""The marks of a course: each person's record of each lab, its time, and the deduction for lateness."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path

from eventlab.errors import EventlabError
from eventlab.grading import adjustments, origins, whole_class
from eventlab.grading.collect import Origin
from eventlab.grading.gradebook.deadlines import Deadlines, Policy
from eventlab.grading.gradebook.people import IDS, Line, People, Person, forms
from eventlab.grading.gradebook.worksheets import BlackboardSheet, CanvasSheet, MoodleRow, MoodleSheet
from eventlab.grading.reports.messages import number
from eventlab.grading.results import SubmissionRecord

MISSING = "not handed in"
ANONYMOUS = "Participant"
"""Moodle's name for each student in an anonymous export."""


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

    def origin(self, record: SubmissionRecord) -> Origin:
        """Return what is known about the submission of a record."""
        return self.origins.get(record.slug, Origin())

    def row(self, origin: Origin) -> MoodleRow | None:
        """Return the line of Moodle's worksheet for a submission, by the number in the name of its folder.

        The names must fit, too: when groups hand in, the number is that of a group, and a line with the same
        number may be that of a student with another name. Before Moodle 4.1, the folder of a group's submission is
        `GROUP-NAME_NUMBER`, with the student's number. In an anonymous export, each name is `Participant`.
        """
        row = self.sheet.row_of(origin.id) if self.sheet and origin.platform == "moodle" else None
        words = origin.name.split("-")
        names = ["-".join(words[start:]) for start in range(len(words))]
        fits = row and (not row.name or ANONYMOUS in names or any(forms(row.name) & forms(name) for name in names))
        return row if fits else None

    @cached_property
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
        deduction: The points that are deducted because it is late.
    """

    person: Person
    lab: LabGrades
    record: SubmissionRecord | None = None
    origin: Origin = field(default_factory=Origin)
    policy: Policy = field(default_factory=Policy)
    submitted: datetime | None = None
    days_late: int = 0
    deduction: float = 0

    @property
    def points(self) -> float | None:
        """Return the points of the work, before any deduction; None without a mark."""
        return self.record.points if self.record else None

    @property
    def mark(self) -> float | None:
        """Return the points that count; None without a mark."""
        return None if self.points is None else self.points - self.deduction

    def in_scale(self, scale: float) -> str:
        """Return the points that count, in a platform's points per point, as text; "" without a mark."""
        return "" if self.mark is None else f"{round(self.mark * scale, 2):g}"

    @property
    def status(self) -> str:
        """Return the status of the record, or that nothing was handed in."""
        return self.record.status if self.record else MISSING

    @property
    def summary(self) -> str:
        """Return the mark and its calculation, as sentences for the student."""
        unmarked = [question.id for question in self.record.unmarked] if self.record else []
        so_far = f" so far: {', '.join(unmarked)} not marked yet" if unmarked else ""
        sentence = f"{number(self.mark)} of {number(self.lab.max_points)} points{so_far}."
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

    def add(self, mark: Mark) -> None:
        """Add a mark; of two submissions of one person, the later one counts."""
        key = (id(mark.person), mark.lab.name)
        if other := self.marks.get(key):
            pair = sorted([other, mark], key=lambda one: one.submitted or datetime.min)
            mark = pair[1]
            names = [one.record.student for one in pair if one.record]
            self.problems.append(
                f"{mark.lab.name}, {self.label(mark.person)}: two submissions, {names[0]!r} and {names[1]!r}; "
                "the second one counts"
            )
        self.marks[key] = mark

    def mark(self, person: Person, lab: LabGrades) -> Mark:
        """Return a person's mark in a lab."""
        return self.marks.get((id(person), lab.name)) or Mark(person, lab)

    def of_lab(self, lab: LabGrades) -> list[Mark]:
        """Return the marks of a lab, one per person."""
        return [self.mark(person, lab) for person in self.people.members]

    def label(self, person: Person, name: str = "") -> str:
        """Return a person's name, by default the full one, with an id if another person has the same name."""
        name = name or person.label
        if sum(name in (other.label, other.student) for other in self.people.members) < 2:
            return name
        id = next((value for column in ("email", *IDS) if (value := getattr(person, column))), "")
        return f"{name} ({id})" if id else name

    def title(self, lab: LabGrades) -> str:
        """Return the name of a lab's assignment on the platform that `deadlines.csv` states, or ""."""
        return next((mark.policy.title for mark in self.of_lab(lab) if mark.policy.title), "")

    def total(self, person: Person) -> float:
        """Return the sum of a person's marks; a lab without a mark counts as 0."""
        return sum(self.mark(person, lab).mark or 0 for lab in self.labs)


def read_lab(folder: Path, sheet: MoodleSheet | None = None) -> LabGrades:
    """Read the records of an output folder of `eventlab grade`, with the points and comments that a person gave.

    Raises:
        AdjustmentsError: `adjustments.csv` in the folder has mistakes.
        GradebookError: It has no records, or those of several labs.
    """
    records = tuple(adjustments.of_records(whole_class.completed([], folder), folder))
    names = sorted({record.lab for record in records})
    if len(names) != 1:
        found = f"records of several labs: {', '.join(names)}" if names else "no records of submissions"
        raise GradebookError(f"{folder} has {found}. Grade the lab first", "eventlab grade --help")
    return LabGrades(names[0], folder, records, origins.read(folder), sheet)


def make(
    labs: Sequence[LabGrades],
    people: People,
    deadlines: Deadlines,
    exported: Sequence[CanvasSheet | BlackboardSheet] = (),
) -> Book:
    """Return the gradebook of these labs.

    Args:
        labs: The labs.
        people: The people of the roster; without a roster, those of the worksheets and records are added.
        deadlines: Due dates and late policies.
        exported: The gradebook export of Canvas, and the Grade Center of Blackboard.

    Raises:
        GradebookError: Two folders have records of one lab.
    """
    names = [lab.name for lab in labs]
    if len(set(names)) < len(names):
        raise GradebookError(f"two folders have records of one lab: {', '.join(sorted(names))}. Name one of them")
    book = Book(list(labs), people)
    book.problems += _add_people(labs, people, exported)
    owners = {lab.name: people.assign([_line(lab, record) for record in lab.records]) for lab in labs}
    persons = deadlines.persons(people)
    own = deadlines.of_people(persons)
    for lab in labs:
        for record, person in zip(lab.records, owners[lab.name], strict=True):
            if person:
                policy = deadlines.policy(lab.name, own.get(id(person), ()))
                book.add(_mark(lab, record, person, policy))
    book.people.members.sort(key=lambda person: person.label.casefold())
    book.problems += deadlines.unknown(names, persons)
    for lab in labs:
        found = zip(lab.records, owners[lab.name], strict=True)
        book.problems += _problems(book, lab, [record for record, person in found if not person])
    return book


def _add_people(
    labs: Sequence[LabGrades], people: People, exported: Sequence[CanvasSheet | BlackboardSheet]
) -> list[str]:
    """Complete the people with those of the platforms' tables; return a sentence for lines of no known person."""
    unknown: dict[Path, list[str]] = {}
    for course in exported:
        rows = [row for row in course.students if course.name(row)]
        for row, person in zip(rows, people.assign(list(map(course.line, rows))), strict=True):
            if person is None:
                unknown.setdefault(course.path, []).append(course.name(row))
            elif not person.section:
                person.section = course.field(row, "Section")
    for sheet in [lab.sheet for lab in labs if lab.sheet]:
        lines: list[Line] = [([sheet.name_of(row)] * 2, {"email": row.email}) for row in sheet.rows]
        for (names, _), person in zip(lines, people.assign(lines), strict=True):
            if person is None:
                unknown.setdefault(sheet.path, []).append(names[0])
    return [
        f"{path}: not in the roster, so the line stays as it is: {listed(names)}"
        for path, names in unknown.items()
    ]


def _problems(book: Book, lab: LabGrades, without_person: Sequence[SubmissionRecord]) -> list[str]:
    """Return a sentence for each kind of problem with a lab's submissions, with the names of the students."""
    names = {one.student: forms(lab.origin(one).name or one.student) for one in without_person}
    fit = {name: sum(bool(forms(p.label) & some) for p in book.people.members) for name, some in names.items()}
    handed_in = [mark for mark in book.of_lab(lab) if mark.record]
    costs = [mark for mark in handed_in if mark.policy.due and mark.policy.points_per_day and not mark.submitted]
    late = [book.label(mark.person) for mark in costs if mark.origin.late]
    unknown = [book.label(mark.person) for mark in costs if mark.origin.platform != "canvas"]  # it marks late ones
    kinds = {
        "not in the roster, so without a line in the gradebook": [name for name in fit if fit[name] < 2],
        "without a mark in the gradebook, because several people of the roster have this name; the platform's "
        "table (--moodle, --canvas, --blackboard) tells them apart": [name for name in fit if fit[name] > 1],
        "without a mark, because the grading machine failed; run the same `eventlab grade` again": [
            book.label(mark.person) for mark in handed_in if mark.mark is None
        ],
        "with answers in text that are not marked yet; add their points to adjustments.csv": [
            book.label(mark.person) for mark in handed_in if mark.record and mark.record.unmarked
        ],
        "late, says the platform, but not when; this costs nothing until a line of deadlines.csv says when it was "
        "`submitted`": late,
        "without a time, so in time; name Moodle's worksheet with --moodle, or add lines with `submitted` to "
        "deadlines.csv": unknown,
    }
    return [f"{lab.name}: {kind}: {listed(names)}" for kind, names in kinds.items() if names]


def listed(names: Sequence[str]) -> str:
    """Return the first names as text, and how many more there are."""
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _line(lab: LabGrades, record: SubmissionRecord) -> Line:
    """Return the names and ids of a record's owner."""
    origin = lab.origin(record)
    row = lab.row(origin)
    known = {f"{origin.platform}_id": origin.id} if origin.platform in ("canvas", "blackboard") else {}
    known |= {"email": row.email} if row and row.email else {}
    namesakes = [one for one in lab.origins.values() if one.name == origin.name]
    name = lab.sheet.name_of(row) if lab.sheet and row else origin.name if len(namesakes) == 1 else ""
    return [name, record.student], known


def _mark(lab: LabGrades, record: SubmissionRecord, person: Person, policy: Policy) -> Mark:
    """Return the mark. The time comes from deadlines.csv, else from Moodle's worksheet, else from the export."""
    origin = lab.origin(record)
    row = lab.row(origin) or (lab.sheet.row_for(person) if lab.sheet else None)
    exported = datetime.fromisoformat(origin.submitted) if origin.submitted else None
    submitted = policy.submitted or (row.submitted if row else None) or exported
    days = policy.days_late(submitted)
    deduction = policy.deduction(days, record.points or 0)
    return Mark(person, lab, record, origin, policy, submitted, days, deduction)
