"""Orders to grade a submission: what a worker gets, and the files that belong to it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eventlab.grading.execution import notebook as match
from eventlab.grading.results import Question, SubmissionRecord
from eventlab.labs.catalogue import Lab

MOST_FILES_BYTES = 64 * 1024 * 1024
LARGEST_FILE = 32 * 1024 * 1024


@dataclass(frozen=True)
class Order:
    """A submission to grade, by its files."""

    student: str
    notebook: str | None
    files: str | None
    trouble: str
    fingerprint: str
    seed: int


def read(order: Order) -> list[dict[str, Any]]:
    """Read the cells of the submitted notebook."""
    if order.notebook is None:
        raise match.UnreadableError(order.trouble or "there is no notebook")
    return match.read(Path(order.notebook))


def files(order: Order) -> dict[str, bytes]:
    """Return the files next to the notebook, by relative path; large files and links are left out."""
    found: dict[str, bytes] = {}
    if order.files is None:
        return found
    folder, left = Path(order.files), MOST_FILES_BYTES
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not path.is_file() or str(path) == order.notebook:
            continue
        size = path.stat().st_size
        if size <= min(left, LARGEST_FILE) and len(found) < 500:
            found[str(path.relative_to(folder))] = path.read_bytes()
            left -= size
    return found


def unreadable(lab: Lab, order: Order, why: str, containment: str) -> SubmissionRecord:
    """Return the record of a file that is not a notebook: no points for any question."""
    questions = tuple(Question(q, 0, lab.points(q), "not graded: " + why) for q in lab.questions)
    return SubmissionRecord(
        student=order.student,
        lab=lab.name,
        status="unreadable",
        points=0,
        max_points=lab.points(),
        questions=questions,
        messages=tuple(filter(None, (order.trouble, why))),
        containment=containment,
        fingerprint=order.fingerprint,
    )
