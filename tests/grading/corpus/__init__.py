"""Submissions to the kit's labs with their marks: right solutions written differently, and wrong ones.

Each submission is a text file, `LAB/right/NAME.txt` or `LAB/wrong/NAME.txt`:

    # What it does differently, in one line.
    # marks: q1 2                 questions that do not get full marks, with their points
    # order: q2 q1                the solutions stand in this order in the notebook

    # %% q1
    lab.answer("q1", 1)           replaces the solution of question 1
    # %% added
    raise ValueError              a cell that the student added behind it
    # %% end
    1 / 0                         a cell at the end of the notebook

The line `#include generate.py` stands for the lab's released generator. What a file does not replace is the
instructor's.
"""

from __future__ import annotations

import random
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from eventlab.grading.grade import grade
from eventlab.grading.results import SubmissionRecord
from eventlab.labs import cells
from eventlab.labs.catalogue import Lab, find
from eventlab.labs.release import without_region

FOLDER = Path(__file__).parent
SECTION = re.compile(r"^# %% (\w+).*\n", re.MULTILINE)


@dataclass(frozen=True)
class Entry:
    """A submission of the corpus.

    Attributes:
        marks: Points by question, for the questions that do not get full marks.
        order: The order of the solutions in the notebook; () for the instructor's.
        sections: Pairs of a question, `added` or `end`, and the source of a cell.
    """

    lab: str
    kind: str
    name: str
    marks: dict[str, float] = field(default_factory=dict)
    order: tuple[str, ...] = ()
    sections: tuple[tuple[str, str], ...] = ()

    def expected(self, lab: Lab) -> dict[str, float]:
        """Return the points of each question."""
        return {question: lab.points(question) for question in lab.questions} | self.marks

    def notebook(self, lab: Lab) -> NotebookNode:
        """Return the submitted notebook."""
        notebook = cells.read(lab.instructor)
        for cell in notebook.cells:
            cell.source = without_region(cell.source, "HIDDEN TESTS", lab.name)
        place = 0
        for kind, source in self.sections:
            if kind in ("added", "end"):
                place = place + 1 if kind == "added" else len(notebook.cells)
                notebook.cells.insert(place, nbformat.v4.new_code_cell(source))
            else:
                place = next(n for n, cell in enumerate(notebook.cells) if cells.grade_id(cell) == kind)
                notebook.cells[place].source = source.replace("#include generate.py", _generator(lab))
        if self.order:
            _reorder(notebook, self.order)
        return notebook


def entries(labs: Sequence[str] = ()) -> Iterator[Entry]:
    """Yield the corpus, or the part of some labs."""
    for path in sorted(FOLDER.glob("lab*/*/*.txt")):
        if not labs or path.parts[-3] in labs:
            yield read(path)


def read(path: Path) -> Entry:
    """Read a submission's file."""
    head, *parts = SECTION.split(path.read_text())
    facts = dict(re.findall(r"^# (marks|order): (.*)$", head, re.MULTILINE))
    words = facts.get("marks", "").split()
    return Entry(
        lab=path.parts[-3],
        kind=path.parts[-2],
        name=path.stem,
        marks=dict(zip(words[::2], map(float, words[1::2]), strict=True)),
        order=tuple(facts.get("order", "").split()),
        sections=tuple(zip(parts[::2], (source.strip("\n") for source in parts[1::2]), strict=True)),
    )


@dataclass(frozen=True)
class Result:
    """What a submission received: points by question, or None without a mark."""

    entry: Entry
    expected: dict[str, float]
    received: dict[str, float] | None
    messages: tuple[str, ...]

    @property
    def is_right(self) -> bool:
        """Return whether each question has the points that it must get."""
        return self.received == self.expected


def grade_entries(
    found: Sequence[Entry], *, workers: int | None = None, shuffle: int | None = None, fresh: bool = False
) -> list[Result]:
    """Grade submissions, lab by lab, and return their results in the given order.

    Args:
        found: The submissions.
        workers: Submissions graded at the same time.
        shuffle: Seed of a random order in which they are graded.
        fresh: Each submission has services of its own.
    """
    results: dict[int, Result] = {}
    for name in dict.fromkeys(entry.lab for entry in found):
        lab, ours = find(name), [entry for entry in found if entry.lab == name]
        students = dict(zip(_students(len(ours), shuffle), ours, strict=True))
        with tempfile.TemporaryDirectory(prefix="eventlab-corpus-") as folder:
            submissions = Path(folder, "submissions")
            submissions.mkdir()
            for student, entry in students.items():
                nbformat.write(entry.notebook(lab), submissions / f"{student}.ipynb")
            output = Path(folder, "output")
            graded = grade(lab, submissions, output, workers=workers, fresh=fresh, progress=_show)
        records = {record.student: record for record in graded}
        for student, entry in students.items():
            record = records[student]
            received = {question.id: question.points or 0 for question in record.questions}
            lost = [f"{check.question} {check.name}: {check.got}" for check in record.checks if not check.passed]
            has_mark = record.points is not None
            messages = (*record.messages, *(question.note for question in record.questions), *lost)
            results[id(entry)] = Result(entry, entry.expected(lab), received if has_mark else None, messages)
    return [results[id(entry)] for entry in found]


def _generator(lab: Lab) -> str:
    """Return the lab's generator as a cell can contain it."""
    return (lab.folder / "generate.py").read_text().replace("from __future__ import annotations\n", "")


def _show(done: int, total: int, record: SubmissionRecord | None) -> None:
    if record is None:
        return
    marks = " ".join(f"{question.id} {question.points:g}" for question in record.questions)
    print(f"{done}/{total} {record.student} {record.status} {marks}", file=sys.stderr, flush=True)


def _students(count: int, shuffle: int | None) -> list[str]:
    """Return names, which the grader sorts."""
    numbers = list(range(count))
    if shuffle is not None:
        random.Random(shuffle).shuffle(numbers)
    return [f"student{number:03}" for number in numbers]


def _reorder(notebook: NotebookNode, order: Sequence[str]) -> None:
    """Put the solutions into another order, at the places where solutions are."""
    places = [n for n, cell in enumerate(notebook.cells) if cells.is_solution(cell)]
    solutions = {cells.grade_id(notebook.cells[n]): notebook.cells[n] for n in places}
    for place, question in zip(places, order, strict=True):
        notebook.cells[place] = solutions[question]
