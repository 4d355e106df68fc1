"""The record of a graded submission, from which every report is written: one JSON file per student."""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import ConfigDict, InstanceOf, StrictBool, StrictFloat, TypeAdapter, ValidationError, model_validator
from pydantic.dataclasses import dataclass

from eventlab import files
from eventlab.errors import EventlabError
from eventlab.labs.catalogue import Lab
from eventlab.labs.checks import LabCheck, Verdict

Status = Literal["graded", "timed_out", "died", "unreadable", "infrastructure_failed"]
"""Of these only `infrastructure_failed` gives no mark: the machine failed, not the submission."""
STATUSES: tuple[Status, ...] = get_args(Status)
Text = InstanceOf[str]
"""Any string: pydantic's own type refuses the lone surrogates that a file name can contain."""

FOLDER = "records"
PLAIN_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
CLOSED = ConfigDict(extra="forbid")
ROUNDING = 1e-9
"""Points are sums: 0.1 and 0.7 are a little less than 0.8."""
logger = logging.getLogger(__name__)


class RecordError(EventlabError):
    """A file is not the record of a submission; the message names the file and the fields that are wrong."""


@dataclass(frozen=True, config=CLOSED)
class CheckResult:
    """The verdict of one check.

    Attributes:
        expected: What the check expected, as text; of a hidden check it is for the instructor only.
        got: What the check found, as text; of a hidden check it is for the instructor only.
        figures: A hash of what the check found, or "" (`eventlab.labs.checks.figures`).
    """

    name: Text
    question: Text
    passed: StrictBool
    points: StrictFloat
    max_points: StrictFloat
    hidden: StrictBool = False
    hint: Text = ""
    expected: Text = ""
    got: Text = ""
    figures: Text = ""

    @classmethod
    def of(cls, check: LabCheck, verdict: Verdict) -> CheckResult:
        """Return the result of a check that has this verdict."""
        return cls(
            name=check.name,
            question=check.question,
            passed=verdict.passed,
            points=check.points if verdict.passed else 0,
            max_points=check.points,
            hidden=check.hidden,
            hint=check.hint,
            expected=verdict.expected,
            got=verdict.got,
            figures=verdict.figures,
        )


@dataclass(frozen=True, config=CLOSED)
class KnownMistake:
    """A mistake that gives the figures of a wrong answer (see `eventlab.labs.mistakes.Mistake`)."""

    name: Text
    did: Text
    why: Text


@dataclass(frozen=True, config=CLOSED)
class RubricLine:
    """A line of a rubric with its points; `given` are the points that a person gave this answer, or None."""

    points: StrictFloat
    text: Text
    given: StrictFloat | None = None


@dataclass(frozen=True, config=CLOSED)
class Question:
    """The points of one question.

    Attributes:
        points: None when a person marks the question and has not done so yet.
        note: What happened to the question apart from its checks, as a sentence for the student.
        mistakes: The known mistakes that give the figures that the checks found.
        rubric: What a person looks for; () in a question that checks judge.
        answer: The student's text, of a question with a rubric.
        by_hand: Whether a person has set the points.
        judged_points: The points of the checks when a person has set other points, or None.
        comment: What a person wrote about the answer.
        changes_of_data: How often the submission got other data before the run that counts.
    """

    id: Text
    points: StrictFloat | None
    max_points: StrictFloat
    note: Text = ""
    checks: tuple[CheckResult, ...] = ()
    mistakes: tuple[KnownMistake, ...] = ()
    rubric: tuple[RubricLine, ...] = ()
    answer: Text = ""
    by_hand: StrictBool = False
    judged_points: StrictFloat | None = None
    comment: Text = ""
    changes_of_data: int = 0

    @property
    def is_full(self) -> bool:
        """Return whether the question has all its points; a question that is not marked yet counts as full."""
        return self.points is None or self.points >= self.max_points


@dataclass(frozen=True, config=CLOSED)
class SubmissionRecord:
    """The result of grading one submission.

    Attributes:
        points: The mark without questions that are not marked yet; None when the machine failed and there is none.
        messages: Sentences for the instructor.
        containment: Which limits and sandbox the submission ran in.
        fingerprint: Hash of everything that the result depends on.
        notebook: Path of the executed notebook, relative to the output folder.
        sandboxed: Whether it ran in a sandbox.
        began: Whether its code or the reading of its notebook had begun when the machine failed; without a mark.
        doubt: Why the mark may be too low, as a sentence for the instructor, or "".
        notes: What happened to the submission as a whole, as sentences for the student.
        comment: What a person wrote about the submission as a whole.
    """

    student: Text
    lab: Text
    status: Status
    points: StrictFloat | None
    max_points: StrictFloat
    questions: tuple[Question, ...] = ()
    messages: tuple[Text, ...] = ()
    containment: Text = ""
    seconds: StrictFloat = 0.0
    fingerprint: Text = ""
    notebook: Text | None = None
    sandboxed: StrictBool = True
    began: StrictBool = False
    doubt: Text = ""
    notes: tuple[Text, ...] = ()
    comment: Text = ""

    @model_validator(mode="after")
    def _has_a_mark_or_a_reason(self) -> SubmissionRecord:
        if (self.points is None) != (self.status == "infrastructure_failed"):
            raise ValueError("a record has points unless its status is infrastructure_failed")
        return self

    @property
    def slug(self) -> str:
        """Return the student's name as a file name."""
        return slug(self.student)

    @property
    def has_mark(self) -> bool:
        """Return whether the submission has a mark."""
        return self.points is not None

    @property
    def unmarked(self) -> tuple[Question, ...]:
        """Return the questions that a person has not marked yet."""
        return tuple(question for question in self.questions if question.points is None)

    @property
    def is_full(self) -> bool:
        """Return whether the submission has all points that it can have before a person marks it."""
        most = self.max_points - sum(question.max_points for question in self.unmarked)
        return self.points is not None and self.points > most - ROUNDING

    @property
    def checks(self) -> tuple[CheckResult, ...]:
        """Return the checks of all questions."""
        return tuple(check for question in self.questions for check in question.checks)


def without_points(lab: Lab, student: str, status: Status, reason: str, **fields: Any) -> SubmissionRecord:
    """Return the record of a submission without any judged question.

    It has the mark 0, or no mark when the machine is the reason (`infrastructure_failed`).

    Args:
        lab: The lab.
        student: The student's name.
        status: Why it was not judged.
        reason: The same as a sentence.
        **fields: Further fields of the record.
    """
    failed = status == "infrastructure_failed"
    questions = tuple(Question(q, 0, lab.points(q), f"not graded: {reason}") for q in lab.all_questions)
    return SubmissionRecord(
        student, lab.name, status, None if failed else 0, lab.points(), () if failed else questions, **fields
    )


def total(questions: Iterable[Question]) -> float:
    """Return the sum of the points of the questions that are marked."""
    return sum(question.points for question in questions if question.points is not None)


def slug(student: str) -> str:
    """Return a file name for a student, different for different names even where `A` and `a` are one file.

    A plain lower-case name stays as it is. Any other keeps its plain characters for the reader and gets `~`, which
    no plain name contains, and 96 bits of its SHA-256.
    """
    if PLAIN_NAME.fullmatch(student):
        return student
    digest = hashlib.sha256(student.encode("utf-8", "surrogatepass")).hexdigest()[:24]
    readable = re.sub(r"[^a-z0-9]+", "-", student.lower()).strip("-")[:40]
    return f"{readable}~{digest}"


def path_of(student: str, output: Path) -> Path:
    """Return the file of a student's record."""
    return output / FOLDER / f"{slug(student)}.json"


def save(record: SubmissionRecord, output: Path) -> Path:
    """Write a record to OUTPUT/records/SLUG.json and return the file."""
    target = path_of(record.student, output)
    write_atomically(target, json.dumps(asdict(record), indent=2) + "\n")
    return target


def parse(fields: object) -> SubmissionRecord:
    """Return the record that these JSON values describe.

    Raises:
        RecordError: They are not a record.
    """
    try:
        return TypeAdapter(SubmissionRecord).validate_python(fields)
    except ValidationError as error:
        wrong = [f"{'.'.join(map(str, e['loc'])) or 'the file'}: {e['msg']}" for e in error.errors()]
        raise RecordError("; ".join(wrong[:5])) from error


def read(path: Path) -> SubmissionRecord:
    """Read the record in a file.

    Raises:
        OSError: The file cannot be read.
        RecordError: It is not a record.
    """
    try:
        return parse(json.loads(path.read_text(encoding="utf-8")))
    except (RecordError, ValueError, RecursionError) as error:
        raise RecordError(f"{path} is not a record of a submission ({error})") from error


def load(student: str, output: Path) -> SubmissionRecord | None:
    """Return a student's record, or None without one that can be read: the submission is then graded again."""
    return _read_or_none(path_of(student, output))


def load_all(output: Path) -> list[SubmissionRecord]:
    """Return every readable record of the output folder, sorted by student."""
    found = [_read_or_none(path) for path in (output / FOLDER).glob("*.json")]
    return sorted((record for record in found if record is not None), key=lambda record: record.student)


def write_atomically(target: Path, text: str) -> None:
    """Replace a file in one step, readable by its owner only; characters that UTF-8 cannot encode become `?`."""
    files.write_atomically(target, text.encode("utf-8", "replace").decode(), mode=0o600)


def _read_or_none(path: Path) -> SubmissionRecord | None:
    try:
        return read(path)
    except FileNotFoundError:
        return None
    except (OSError, RecordError) as error:
        logger.warning("the record is ignored: %s", error)
        return None
