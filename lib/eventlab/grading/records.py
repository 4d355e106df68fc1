"""What came of one submission: the record that every report is made from, one JSON file a student."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

Status = Literal["graded", "timed_out", "died", "unreadable"]
STATUSES: tuple[Status, ...] = get_args(Status)

FOLDER = "records"
PLAIN_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


@dataclass(frozen=True)
class CheckResult:
    """One check's verdict; `expected` and `got` are text, and of a hidden check for the instructor only."""

    name: str
    question: str
    passed: bool
    points: float
    max_points: float
    hidden: bool = False
    hint: str = ""
    expected: str = ""
    got: str = ""


@dataclass(frozen=True)
class Question:
    """One question's points; `note` says what happened to it other than its checks, in words for the student."""

    id: str
    points: float
    max_points: float
    note: str = ""
    checks: tuple[CheckResult, ...] = ()


@dataclass(frozen=True)
class Record:
    """What came of one submission; `messages` are for the instructor, `notebook` is relative to the output."""

    student: str
    lab: str
    status: Status
    points: float
    max_points: float
    questions: tuple[Question, ...] = ()
    messages: tuple[str, ...] = ()
    containment: str = ""
    seconds: float = 0.0
    fingerprint: str = ""
    notebook: str | None = None

    @property
    def slug(self) -> str:
        return slug(self.student)

    @property
    def checks(self) -> tuple[CheckResult, ...]:
        return tuple(check for question in self.questions for check in question.checks)


def slug(student: str) -> str:
    """A file name of a student's name, different for different names also where `A` and `a` are one file.

    A plain small name stays as it is. Any other keeps its plain characters for the reader and gains `~` (which no
    plain name holds) and 96 bits of its SHA-256.
    """
    if PLAIN_NAME.fullmatch(student):
        return student
    digest = hashlib.sha256(student.encode("utf-8", "surrogatepass")).hexdigest()[:24]
    readable = re.sub(r"[^a-z0-9]+", "-", student.lower()).strip("-")[:40]
    return f"{readable}~{digest}"


def path_of(student: str, output: Path) -> Path:
    return output / FOLDER / f"{slug(student)}.json"


def save(record: Record, output: Path) -> Path:
    """Write OUTPUT/records/<slug>.json whole or not at all, so that an interrupted run leaves no half record."""
    target = path_of(record.student, output)
    write_atomically(target, json.dumps(asdict(record), indent=2) + "\n")
    return target


def load(student: str, output: Path) -> Record | None:
    """The student's record, or None where there is none that can be read: it is then graded again."""
    return _read(path_of(student, output))


def load_all(output: Path) -> list[Record]:
    """Every readable record of the output folder, by student."""
    found = [_read(path) for path in (output / FOLDER).glob("*.json")]
    return sorted((record for record in found if record is not None), key=lambda record: record.student)


def write_atomically(target: Path, text: str) -> None:
    """Replace a file by its new text in one step; characters that UTF-8 can't hold become `?`."""
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=target.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace", newline="") as file:
            file.write(text)
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _read(path: Path) -> Record | None:
    try:
        return _record(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _record(fields: Mapping[str, Any]) -> Record:
    questions = tuple(
        Question(**{**question, "checks": tuple(CheckResult(**check) for check in question["checks"])})
        for question in fields["questions"]
    )
    record = Record(**{**fields, "questions": questions, "messages": tuple(fields["messages"])})
    if record.status not in STATUSES:
        raise ValueError(record.status)
    return record
