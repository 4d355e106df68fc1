"""What the grading of the instructor's, the untouched and wrong notebooks says about a lab's checks."""

from __future__ import annotations

from dataclasses import dataclass

from eventlab.grading.reports.messages import line, number
from eventlab.grading.results import SubmissionRecord
from eventlab.labs.checks import Mutant, Rule

BROKEN = "could not be checked:"
"""How a check's verdict begins when the check itself raised (eventlab.labs.checks)."""


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
        """Return each wrong solution that is not recognized as its mistake in some runs, their number, and all."""
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
