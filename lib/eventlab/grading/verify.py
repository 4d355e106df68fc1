"""Verifying a lab: the instructor gets full marks, an untouched notebook none, and each mutant fewer.

A mutant is the instructor's notebook with one edit, and wrong in one question: that one loses marks, and no other.
The data of each seed exercise each rule of the lab, so that no wrong solution is right by luck.
"""

from __future__ import annotations

import copy
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from eventlab.errors import EventlabError
from eventlab.grading.grade import GradingError, grade
from eventlab.grading.progress import GradingProgress
from eventlab.grading.reports.messages import line
from eventlab.grading.results import SubmissionRecord
from eventlab.grading.verification import Verification
from eventlab.labs import cells
from eventlab.labs.catalogue import Lab
from eventlab.labs.checks import Mutant, Rule
from eventlab.labs.seeds import seed_of

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


def mutant_problems(lab: Lab) -> list[str]:
    """Return the mutants that cannot be made, and mutants and rules of unknown questions, as sentences."""
    try:
        mutants, rules, instructor = lab.mutants, lab.rules, cells.read(lab.instructor)
        questions = lab.questions
    except Exception as error:  # any error of the lab's own code
        return [f"proof.py cannot be used: {line(f'{type(error).__name__}: {error}')}"]
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


Grade = Callable[..., Sequence[SubmissionRecord]]


def verify(
    lab: Lab,
    *,
    workers: int | None = None,
    runs: int = 1,
    seeds: int = 50,
    questions: Sequence[str] = (),
    progress: GradingProgress = lambda done, total, record: None,
    grade: Grade = grade,
) -> Verification:
    """Examine the data, and grade the instructor's notebook, the untouched one and each mutant as one class.

    Args:
        lab: The lab.
        workers: Submissions graded at the same time.
        runs: How often each submission is graded, each time with data of another seed.
        seeds: Seeds whose data must exercise each rule of the lab.
        questions: Questions whose rules and mutants are examined; by default all.
        progress: Called after each submission.
        grade: Grades the class.

    Raises:
        GradingError: The lab has no such question, or a solution could not be graded.
    """
    questions = questions or lab.questions
    if unknown := sorted(set(questions) - set(lab.questions)):
        raise GradingError(f"{lab.name} has no question {', '.join(unknown)}; it has {', '.join(lab.questions)}")
    rules = [rule for rule in lab.rules if rule.question in questions]
    mutants = [mutant for mutant in lab.mutants if mutant.question in questions]
    with tempfile.TemporaryDirectory(prefix="eventlab-verify-") as folder:
        submissions = Path(folder, "submissions")
        students = write_class(lab, mutants, submissions, runs)
        found = grade(lab, submissions, Path(folder, "output"), workers=workers, progress=progress)
    if failed := [record for record in found if not record.has_mark]:
        raise GradingError(f"{len(failed)} solutions could not be graded: {'; '.join(failed[0].messages)}")
    records = {record.student: record for record in found}

    def of(what: Mutant | str) -> tuple[SubmissionRecord, ...]:
        return tuple(records[student] for student, submitted in students.items() if submitted == what)

    return Verification(
        lab.name,
        of(INSTRUCTOR),
        of(UNTOUCHED),
        tuple((mutant, of(mutant)) for mutant in mutants),
        len(rules),
        _unexercised(lab, rules, seeds),
        seeds,
        frozenset((mistake.question, mistake.mutant) for mistake in lab.mistakes),
    )


def _unexercised(lab: Lab, rules: Sequence[Rule], seeds: int) -> tuple[tuple[Rule, int], ...]:
    """Return each rule that the data of some seeds do not exercise, and the number of these seeds."""
    names = [seed_of(str(number), lab.name, "verification") for number in range(seeds)]
    found = Counter(rule for seed in names for rule in rules if not rule.exercised(seed))
    return tuple(found.items())
