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
    """A mutant cannot be made: the text that it replaces does not occur exactly once."""


def mutate(instructor: NotebookNode, mutant: Mutant) -> NotebookNode:
    """Return the instructor's notebook with the mutant's edit in the solution cells of its question."""
    changed = copy.deepcopy(instructor)
    own = [
        cell for cell in changed.cells if cells.is_solution(cell) and cells.question_of(cell) == mutant.question
    ]
    times = sum(cell.source.count(mutant.old) for cell in own)
    if not mutant.old or times != 1:
        raise MutantError(
            f"mutant {mutant.name!r}: {mutant.old!r} occurs {times} times in the solution of {mutant.question}"
        )
    for cell in own:
        cell.source = cell.source.replace(mutant.old, mutant.new)
    if changed == instructor:
        raise MutantError(f"mutant {mutant.name!r} of {mutant.question} changes nothing")
    return changed


def write_class(lab: Lab, mutants: Sequence[Mutant], folder: Path, runs: int = 1) -> dict[str, Mutant | str]:
    """Write submissions to grade, each `runs` times, because each student has data of another seed.

    Returns:
        By student the mutant, or INSTRUCTOR for the instructor's notebook, or UNTOUCHED for the released one.
    """
    instructor = cells.read(lab.instructor)
    notebooks: dict[str, tuple[Mutant | str, NotebookNode]] = {
        f"mutant-{number:02}-{mutant.question}": (mutant, mutate(instructor, mutant))
        for number, mutant in enumerate(mutants, start=1)
    }
    notebooks |= {INSTRUCTOR: (INSTRUCTOR, instructor), UNTOUCHED: (UNTOUCHED, cells.read(lab.student))}
    folder.mkdir(parents=True, exist_ok=True)
    students: dict[str, Mutant | str] = {}
    for name, (what, notebook) in notebooks.items():
        for run in range(1, runs + 1):
            student = name if run == 1 else f"{name}-run-{run}"
            students[student] = what
            nbformat.write(notebook, folder / f"{student}.ipynb")
    return students
