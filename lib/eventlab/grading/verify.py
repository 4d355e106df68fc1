"""Verifying a lab: the instructor gets full marks, an untouched notebook none, and each mutant fewer.

A mutant is the instructor's notebook with one edit, and wrong in one question: that one loses marks, and no other.
The data of each seed exercise each rule of the lab, so that no wrong solution is right by luck.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from eventlab.grading import folders
from eventlab.grading.grade import GradingError, GradingProgress, grade
from eventlab.grading.reports.messages import line, number
from eventlab.grading.results import SubmissionRecord
from eventlab.labs import cells
from eventlab.labs.catalogue import Lab
from eventlab.labs.checks import BROKEN, Mutant, Rule
from eventlab.labs.proof import mutate
from eventlab.labs.seeds import seed_of

INSTRUCTOR, UNTOUCHED = "instructor", "untouched"


@dataclass(frozen=True)
class Verification:
    """The records of the instructor's notebook, the untouched one and the mutants, and what the data exercise.

    Attributes:
        lab: The lab's name.
        instructor: One record per run; each run has data of another seed.
        untouched: One record per run.
        mutants: Each mutant with one record per run.
        rules: The number of the lab's rules.
        unexercised: Each rule that the data of some seeds do not exercise, and the number of these seeds.
        seeds: The number of seeds whose data were examined.
        described: Question and name of each wrong solution that the lab's `mistakes.py` describes.
    """

    lab: str
    instructor: tuple[SubmissionRecord, ...]
    untouched: tuple[SubmissionRecord, ...]
    mutants: tuple[tuple[Mutant, tuple[SubmissionRecord, ...]], ...]
    rules: int = 0
    unexercised: tuple[tuple[Rule, int], ...] = ()
    seeds: int = 0
    described: frozenset[tuple[str, str]] = frozenset()

    @property
    def unrecognized(self) -> list[tuple[Mutant, int, int]]:
        """Return each wrong solution that some runs do not recognize, the number of these runs and of all."""
        counted = [
            (mutant, sum(not _is_recognized(record, mutant) for record in records), len(records))
            for mutant, records in self.mutants
            if (mutant.question, mutant.name) in self.described
        ]
        return [one for one in counted if one[1]]

    @property
    def undescribed(self) -> list[Mutant]:
        """Return the wrong solutions that no mistake of `mistakes.py` describes."""
        return [mutant for mutant, _ in self.mutants if (mutant.question, mutant.name) not in self.described]

    @property
    def caught(self) -> list[tuple[Mutant, int, int]]:
        """Return each wrong solution, the number of runs in which it lost marks, and the number of runs."""
        return [
            (mutant, sum(loses_marks(record, mutant.question) for record in records), len(records))
            for mutant, records in self.mutants
        ]

    @property
    def survivors(self) -> list[Mutant]:
        """Return the wrong solutions that kept all marks of their question in some run."""
        return [mutant for mutant, caught, runs in self.caught if caught < runs]

    @property
    def unfair(self) -> list[tuple[Mutant, str]]:
        """Return the wrong solutions that lost marks of other questions, each with those questions."""
        lost = [
            (mutant, sorted({lost for record in records for lost in _lost(record)} - {mutant.question}))
            for mutant, records in self.mutants
        ]
        return [(mutant, " and ".join(others)) for mutant, others in lost if others]

    @property
    def share_caught(self) -> float:
        """Return the share of wrong solutions that lost marks in each run, from 0 to 1; without any it is 0."""
        return 1 - len(self.survivors) / len(self.mutants) if self.mutants else 0.0

    @property
    def problems(self) -> list[str]:
        """Return the problems of the lab as sentences."""
        found = [problem for record in self.instructor for problem in _of_instructor(record)]
        found += [problem for record in self.untouched for problem in _of_untouched(record)]
        if not self.mutants:
            found.append("proof.py has no MUTANTS: nothing shows that a wrong solution loses marks")
        found += [
            f"wrong, but kept full marks in {runs - caught} of {runs} runs: "
            f"{mutant.question} {mutant.name}: {mutant.old!r} → {mutant.new!r}"
            for mutant, caught, runs in self.caught
            if caught < runs
        ]
        found += [
            f"wrong in {mutant.question} only, but {lost} lost marks, too: {mutant.name}: {mutant.old!r}"
            for mutant, lost in self.unfair
        ]
        found += [
            f"the data of {seeds} of {self.seeds} seeds do not exercise a rule of {rule.question}: {rule.text}"
            for rule, seeds in self.unexercised
        ]
        found += [
            f"mistakes.py: in {times} of {runs} runs {mutant.question} {mutant.name!r} has other figures than its "
            "wrong solution"
            for mutant, times, runs in self.unrecognized
        ]
        return list(dict.fromkeys(found))


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
    with folders.temporary(f"{folders.OTHERS}verify-") as (folder, _):
        submissions = folder / "submissions"
        students = write_class(lab, mutants, submissions, runs)
        found = grade(lab, submissions, folder / "output", workers=workers, progress=progress)
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


def loses_marks(record: SubmissionRecord, question: str) -> bool:
    """Return whether the submission was judged and has fewer points than the question has."""
    own = [found for found in record.questions if found.id == question]
    return bool(own) and record.status != "unreadable" and not any(found.is_full for found in own)


def _is_recognized(record: SubmissionRecord, mutant: Mutant) -> bool:
    known = [
        mistake for question in record.questions if question.id == mutant.question for mistake in question.mistakes
    ]
    return mutant.name in [mistake.name for mistake in known]


def _lost(record: SubmissionRecord) -> list[str]:
    return [question.id for question in record.questions if not question.is_full]


def _of_instructor(record: SubmissionRecord) -> list[str]:
    found = [
        f"the instructor's solution misses {check.question} {check.name}: expected {line(check.expected)}, "
        f"got {line(check.got)}"
        for check in record.checks
        if not check.passed
    ]
    if record.status != "graded" or (not record.is_full and not found) or not record.max_points:
        found.append(f"the instructor's solution: {_summary(record)}")
    return found


def _of_untouched(record: SubmissionRecord) -> list[str]:
    """Return what is wrong with an untouched notebook's record: points, an early end, or a broken check."""
    found = [
        f"the untouched notebook passes {check.question} {check.name}"
        for check in record.checks
        if check.passed and check.max_points
    ]
    found += [
        f"a check breaks on the untouched notebook: {check.question} {check.name}: {line(check.got)}"
        for check in record.checks
        if check.got.startswith(BROKEN)
    ]
    if record.status != "graded" or (record.points and not found):
        found.append(f"the untouched notebook: {_summary(record)}")
    return found


def _summary(record: SubmissionRecord) -> str:
    points = f"{record.status}, {number(record.points)} of {number(record.max_points)} points"
    return "; ".join([points, *map(line, record.messages)])
