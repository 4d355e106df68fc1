"""What a lab's author writes: named, weighted checks of the evidence, and wrong solutions that they must catch."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from eventlab.labs.evidence import Evidence, EvidenceError

LONGEST_TEXT = 400
TOO_LARGE = "what is there is too large to be looked at: reading it takes more memory than a submission may have"


@dataclass(frozen=True)
class Verdict:
    """Whether a check passed, with what was expected and what was found as text for people."""

    passed: bool
    expected: str
    got: str


@dataclass(frozen=True)
class LabCheck:
    """One check of a question. A hidden one is run, and known, only where labs are graded."""

    name: str
    question: str
    points: float
    hint: str
    hidden: bool
    function: Callable[[Evidence], Verdict]

    def run(self, evidence: Evidence) -> Verdict:
        """The verdict. Whatever the student left behind, the worst is a failed check, never an exception."""
        try:
            return self.function(evidence)
        except EvidenceError as error:
            return Verdict(False, "", clip(str(error)))
        except MemoryError:
            return Verdict(False, "", TOO_LARGE)
        except Exception as error:  # evidence of a shape that the check's author did not think of
            return Verdict(False, "", clip(f"could not be checked: {type(error).__name__}: {error}"))


@dataclass(frozen=True)
class Mutant:
    """A wrong solution: `old`, once in the instructor's solution of the question, becomes `new`."""

    name: str
    question: str
    old: str
    new: str


def check(
    question: str, *, points: float, hint: str, hidden: bool = False
) -> Callable[[Callable[[Evidence], Verdict]], LabCheck]:
    """Make a function of the evidence a check; its name, with spaces, is the check's."""

    def make(function: Callable[[Evidence], Verdict]) -> LabCheck:
        return LabCheck(function.__name__.replace("_", " "), question, points, hint, hidden, function)

    return make


def expect(*, expected: object, got: object) -> Verdict:
    """Equal, where 3 equals 3.0 and a float may be off by rounding."""
    return Verdict(same(expected, got), show(expected), show(got))


def same(expected: object, got: object) -> bool:
    """Equality that forgives a float's last digits and a tuple for a list, but not `True` for 1 or "1" for 1."""
    if isinstance(expected, bool) or isinstance(got, bool):
        return expected is got
    if isinstance(expected, float | int) and isinstance(got, float | int):
        return math.isclose(expected, got, rel_tol=1e-6, abs_tol=1e-6)
    if isinstance(expected, list | tuple) and isinstance(got, list | tuple):
        return len(expected) == len(got) and all(map(same, expected, got))
    if isinstance(expected, dict) and isinstance(got, dict):
        return expected.keys() == got.keys() and all(same(value, got[key]) for key, value in expected.items())
    return expected == got


def show(value: object) -> str:
    return clip(value if isinstance(value, str) else repr(value))


def clip(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}… ({len(text)} characters)"
