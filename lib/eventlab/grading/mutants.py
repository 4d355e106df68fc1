"""Wrong solutions that a lab's checks must catch, each made from the instructor's by one edit."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from eventlab.errors import EventlabError
from eventlab.labs import cells
from eventlab.labs.catalogue import Lab
from eventlab.labs.checks import Mutant

INSTRUCTOR, UNTOUCHED = "instructor", "untouched"


class MutantError(EventlabError):
    """A mutant cannot be made: the text that it replaces is not there exactly once."""


def mutate(instructor: NotebookNode, mutant: Mutant) -> NotebookNode:
    """Return the instructor's notebook with the mutant's edit in the solution cells of its question."""
    changed = copy.deepcopy(instructor)
    own = [
        cell for cell in changed.cells if cells.is_solution(cell) and cells.question_of(cell) == mutant.question
    ]
    times = sum(cell.source.count(mutant.old) for cell in own)
    if not mutant.old or times != 1:
        raise MutantError(
            f"mutant {mutant.name!r}: {mutant.old!r} is {times} times in {mutant.question}'s solution, not once"
        )
    for cell in own:
        cell.source = cell.source.replace(mutant.old, mutant.new)
    if changed == instructor:
        raise MutantError(f"mutant {mutant.name!r} of {mutant.question} changes nothing")
    return changed


def write_class(lab: Lab, mutants: Sequence[Mutant], folder: Path) -> dict[str, Mutant]:
    """Write submissions to grade: the instructor's, an untouched one, and one per mutant; return the mutants."""
    instructor = cells.read(lab.instructor)
    students = {f"mutant-{number:02}-{mutant.question}": mutant for number, mutant in enumerate(mutants, start=1)}
    notebooks = {student: mutate(instructor, mutant) for student, mutant in students.items()}
    folder.mkdir(parents=True, exist_ok=True)
    for name, node in ({INSTRUCTOR: instructor, UNTOUCHED: cells.read(lab.student)} | notebooks).items():
        nbformat.write(node, folder / f"{name}.ipynb")
    return students
