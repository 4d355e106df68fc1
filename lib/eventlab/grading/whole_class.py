"""The class of an output folder: who belongs to it, and the results of a part of it that was graded again."""

from __future__ import annotations

import fcntl
import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from eventlab.errors import EventlabError, near_names
from eventlab.grading import results
from eventlab.grading.jobs import Job
from eventlab.grading.results import Question, SubmissionRecord
from eventlab.labs.catalogue import Lab

FILE, LOCK = ".class.json", ".lock"
EARLIER = "this is the result of an earlier grading"
logger = logging.getLogger(__name__)


class SelectionError(EventlabError):
    """A student, question or check to grade again does not exist."""


class FolderError(EventlabError):
    """An output folder cannot be used: another command works in it, or it has grades of another lab."""


@dataclass(frozen=True)
class Selection:
    """What of a class is graded again; an empty part means all.

    Attributes:
        students: Names of students.
        questions: Ids of questions.
        checks: Names of checks.
    """

    students: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Return whether only a part is graded again."""
        return bool(self.students or self.questions or self.checks)

    @property
    def is_of_questions(self) -> bool:
        """Return whether only some results of a submission are replaced."""
        return bool(self.questions or self.checks)

    def jobs(self, jobs: Sequence[Job]) -> list[Job]:
        """Return the jobs of the students to grade again.

        Raises:
            SelectionError: A student has no submission.
        """
        by_student = {job.student: job for job in jobs}
        for student in self.students:
            if student not in by_student:
                near = near_names(student, by_student)
                raise SelectionError(f"there is no submission of {student!r}: {near}")
        return [by_student[student] for student in dict.fromkeys(self.students or by_student)]

    def merged(self, old: SubmissionRecord | None, new: SubmissionRecord) -> SubmissionRecord:
        """Return a submission's record with the selected results of its new one, and what happened in its run.

        The fingerprint stays the old one: what was not graded again may be out of date, so a later run without a
        selection grades the whole submission.
        """
        if not self.is_of_questions or old is None or not old.has_mark or not new.has_mark:
            return new
        fresh = {question.id: question for question in new.questions}
        kept = [self._question(question, fresh.pop(question.id, None)) for question in old.questions]
        kept += [question for question in fresh.values() if question.id in self.questions]
        message = f"graded again: {', '.join((*self.questions, *self.checks))}"
        return replace(
            old,
            status=new.status,
            notes=new.notes,
            seconds=new.seconds,
            questions=tuple(kept),
            points=results.total(kept),
            max_points=sum(question.max_points for question in kept),
            messages=(*(said for said in old.messages if said != message), message),
            notebook=new.notebook,
            sandboxed=old.sandboxed and new.sandboxed,
            containment=new.containment if old.sandboxed else old.containment,
        )

    def _question(self, old: Question, new: Question | None) -> Question:
        """Return the old result of a question with the selected parts of its new one."""
        if new is None:
            return old
        if old.id in self.questions:
            return new
        fresh = {check.name: check for check in new.checks if check.name in self.checks}
        if not fresh:
            return old
        checks = [fresh.pop(check.name, check) for check in old.checks]
        checks += fresh.values()
        points, most = (sum(values) for values in zip(*((c.points, c.max_points) for c in checks), strict=True))
        same = [(c.passed, c.figures) for c in checks] == [(c.passed, c.figures) for c in new.checks]
        mistakes = new.mistakes if same else ()
        return replace(old, checks=tuple(checks), points=points, max_points=most, mistakes=mistakes)


ALL = Selection()


def select(lab: Lab, students: Sequence[str], questions: Sequence[str], checks: Sequence[str]) -> Selection:
    """Return a selection; a check's name may be written with other capitals, or `_` for spaces.

    Raises:
        SelectionError: The lab has no such question or check.
    """
    for question in questions:
        if question not in lab.all_questions:
            raise SelectionError(
                f"{lab.name} has no question {question!r}: {near_names(question, lab.all_questions)}"
            )
    names = {check.name.lower(): check.name for check in lab.checks}
    found = [names.get(name.lower().replace("_", " ")) for name in checks]
    for name, check in zip(checks, found, strict=True):
        if check is None:
            raise SelectionError(f"{lab.name} has no check {name!r}: {near_names(name, names.values())}")
    return Selection(tuple(students), tuple(questions), tuple(filter(None, found)))


def remember(students: Sequence[str], output: Path) -> None:
    """Write who belongs to the class, so that a later grading of some students reports on all."""
    results.write_atomically(output / FILE, json.dumps(list(students)) + "\n")


def is_known(output: Path) -> bool:
    """Return whether it is written who belongs to the class."""
    return (output / FILE).exists()


@contextmanager
def locked(output: Path) -> Iterator[None]:
    """Lock an output folder: two gradings in one folder would delete each other's files.

    Raises:
        FolderError: Another command has locked it.
    """
    output.mkdir(parents=True, exist_ok=True)
    with open(output / LOCK, "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FolderError(
                f"another command grades into {output}. Wait for its end, or name another folder with --output"
            ) from None
        except OSError as error:  # a file system without locks
            logger.warning("%s cannot be locked (%s): start no second grading in it", output, error)
        yield


def require_lab(lab: Lab, saved: Sequence[SubmissionRecord], output: Path) -> None:
    """Raise an error when the records of an output folder are those of another lab.

    Raises:
        FolderError: They are.
    """
    others = sorted({record.lab for record in saved} - {lab.name})
    if others:
        raise FolderError(
            f"{output} has the grades of {', '.join(others)}, which would be replaced by those of {lab.name}. "
            "Name another folder with --output"
        )


def students(output: Path) -> list[str]:
    """Return who belongs to the class; without the file, everybody with a record."""
    try:
        return [str(student) for student in json.loads((output / FILE).read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError):
        return [record.student for record in results.load_all(output)]


def completed(graded: Sequence[SubmissionRecord], output: Path) -> list[SubmissionRecord]:
    """Return the records of the whole class: those that were graded now, and the saved ones of the others."""
    found = {record.student: record for record in graded}
    for student in students(output):
        if student not in found and (record := results.load(student, output)):
            found[student] = record
    return sorted(found.values(), key=lambda record: record.student)


def interrupted(
    graded: Sequence[SubmissionRecord], output: Path, selection: Selection
) -> tuple[list[SubmissionRecord], list[str]]:
    """Return the records of the class after an interruption, and the students who were not graded.

    A student with a record of an earlier grading keeps it, with a message that says so.
    """
    left = {*(selection.students or students(output))} - {record.student for record in graded}
    records = [
        replace(record, messages=(*record.messages, EARLIER)) if record.student in left else record
        for record in completed(graded, output)
    ]
    return records, sorted(left)
