"""Checks of a lab, with names and points, and wrong solutions that the checks must catch."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from eventlab.errors import ServiceUnavailable
from eventlab.labs.evidence import Evidence, EvidenceError

LONGEST_TEXT = 400
TOO_LARGE = "the result is too large to check: reading it takes more memory than a submission may use"


@dataclass(frozen=True)
class Verdict:
    """Whether a check passed, the expected and actual results as text, and whether a service did not answer."""

    passed: bool
    expected: str
    got: str
    unavailable: bool = False


@dataclass(frozen=True)
class LabCheck:
    """One check of a question; a hidden one exists only where labs are graded."""

    name: str
    question: str
    points: float
    hint: str
    hidden: bool
    function: Callable[[Evidence], Verdict]

    def run(self, evidence: Evidence) -> Verdict:
        """Return the verdict; whatever the submission left, an error is a failed check and not an exception."""
        try:
            return self.function(evidence)
        except EvidenceError as error:
            return Verdict(False, "", clip(str(error)), unavailable=is_caused_by_service(error))
        except MemoryError:
            return Verdict(False, "", TOO_LARGE)
        except Exception as error:  # evidence of a shape that the check's author did not think of
            return Verdict(False, "", clip(f"could not be checked: {type(error).__name__}: {error}"))


@dataclass(frozen=True)
class Mutant:
    """A wrong solution: `old`, which is once in the instructor's solution of the question, becomes `new`."""

    name: str
    question: str
    old: str
    new: str


def check(
    question: str, *, points: float, hint: str, hidden: bool = False
) -> Callable[[Callable[[Evidence], Verdict]], LabCheck]:
    """Make a function a check; the function's name, with spaces, is the check's name."""

    def make(function: Callable[[Evidence], Verdict]) -> LabCheck:
        return LabCheck(function.__name__.replace("_", " "), question, points, hint, hidden, function)

    return make


def expect(*, expected: object, got: object) -> Verdict:
    """Return a verdict that compares two values as `same` does."""
    return Verdict(same(expected, got), show(expected), show(got))


def same(expected: object, got: object) -> bool:
    """Return whether values are equal; rounding and list or tuple do not matter, but `True`, "1" and 1 differ."""
    if isinstance(expected, bool) or isinstance(got, bool):
        return expected is got
    if isinstance(expected, float | int) and isinstance(got, float | int):
        return math.isclose(expected, got, rel_tol=1e-6, abs_tol=1e-6)
    if isinstance(expected, list | tuple) and isinstance(got, list | tuple):
        return len(expected) == len(got) and all(map(same, expected, got))
    if isinstance(expected, dict) and isinstance(got, dict):
        return expected.keys() == got.keys() and all(same(value, got[key]) for key, value in expected.items())
    return expected == got


def is_caused_by_service(error: BaseException | None) -> bool:
    """Return whether an error was raised because a service did not answer."""
    return error is not None and (isinstance(error, ServiceUnavailable) or is_caused_by_service(error.__cause__))


def show(value: object) -> str:
    """Return a value as text of limited length."""
    return clip(value if isinstance(value, str) else repr(value))


def clip(text: str) -> str:
    """Return the first LONGEST_TEXT characters of a text."""
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}… ({len(text)} characters)"
