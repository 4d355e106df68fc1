"""The wrong solutions of a lab's `proof.py`: make their notebooks, and check that the lab's files name them."""

from __future__ import annotations

import copy

from nbformat import NotebookNode

from eventlab.errors import EventlabError
from eventlab.labs import cells
from eventlab.labs.catalogue import Lab
from eventlab.labs.checks import Mutant
from eventlab.labs.fit import short


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


def mutant_problems(lab: Lab) -> list[str]:
    """Return the mutants that cannot be made, and mutants and rules of unknown questions, as sentences."""
    try:
        mutants, rules, instructor = lab.mutants, lab.rules, cells.read(lab.instructor)
        questions = lab.questions
    except Exception as error:  # any error of the lab's own code
        return [f"proof.py cannot be used: {short(error)}"]
    found = [
        f"proof.py: a rule names {rule.question}, which checks.py does not have: {rule.text}"
        for rule in rules
        if rule.question not in questions
    ]
    for mutant in mutants:
        try:
            mutate(instructor, mutant)
        except MutantError as error:
            found.append(f"proof.py: {error.message}")
    return found


def mistake_problems(lab: Lab) -> list[str]:
    """Return the mistakes that name no wrong solution or no check, as sentences; or that the file is broken."""
    try:
        names = [(mistake.question, mistake.mutant) for mistake in lab.mistakes]
        wrong = {(mutant.question, mutant.name) for mutant in lab.mutants}
        checks = {(check.question, check.name) for check in lab.checks}
        shown = [(mistake.question, check) for mistake in lab.mistakes for check in mistake.shown_by]
    except Exception as error:  # any error of the lab's own code
        return [f"mistakes.py cannot be used: {short(error)}"]
    return [
        f"mistakes.py: {name!r} is no wrong solution of {question} in proof.py"
        for question, name in names
        if (question, name) not in wrong
    ] + [
        f"mistakes.py: {name!r} is no check of {question} in checks.py"
        for question, name in shown
        if (question, name) not in checks
    ]
