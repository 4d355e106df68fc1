"""Checks of a lab with names and points, text questions, rules that its data exercise, and wrong solutions."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from eventlab.errors import ServiceUnavailable
from eventlab.labs.evidence import Evidence, EvidenceError

MAX_TEXT_CHARS = 400
BROKEN = "could not be checked:"
"""How a verdict begins when the check itself raised an error."""
TOO_LARGE = "the result is too large to check: reading it takes more memory than a submission may use"


@dataclass(frozen=True)
class Verdict:
    """The result of a check.

    Attributes:
        unavailable: Whether a service did not answer.
        figures: A hash of the received value (see `figures`), or "" when only the text `got` is known.
    """

    passed: bool
    expected: str
    got: str
    unavailable: bool = False
    figures: str = field(default="", compare=False)


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
        """Return the verdict; an error while checking is a failed check, because the submission may cause it."""
        try:
            return self.function(evidence)
        except EvidenceError as error:
            return Verdict(False, "", shortened(str(error)), unavailable=is_caused_by_service(error))
        except MemoryError:
            return Verdict(False, "", TOO_LARGE)
        except Exception as error:  # the evidence has a form that the check's author did not expect
            message = shortened(f"{BROKEN} {type(error).__name__}: {error}")
            return Verdict(False, "", message, unavailable=is_caused_by_service(error))


@dataclass(frozen=True)
class Criterion:
    """A line of a rubric: the points for what an answer contains."""

    points: float
    text: str


@dataclass(frozen=True)
class TextQuestion:
    """A question that a person marks, with a rubric; its points are those of the rubric."""

    question: str
    rubric: tuple[Criterion, ...]

    @property
    def points(self) -> float:
        """Return the most points for the question."""
        return sum(criterion.points for criterion in self.rubric)


def text_question(question: str, *rubric: tuple[float, str]) -> TextQuestion:
    """Return a question that a person marks; each line of its rubric is a pair of points and text.

    Raises:
        ValueError: The rubric is empty, or a line has no points.
    """
    if not rubric or any(points <= 0 for points, _ in rubric):
        raise ValueError(f"the rubric of {question} needs lines, each with points above 0")
    return TextQuestion(question, tuple(Criterion(points, text) for points, text in rubric))


@dataclass(frozen=True)
class Rule:
    """A rule that a lab's text states.

    Attributes:
        question: The question of the rule.
        text: The rule in a few words.
        exercised: Returns whether a solution that ignores the rule gets another result with the data of a seed.
    """

    question: str
    text: str
    exercised: Callable[[int], bool]


@dataclass(frozen=True)
class Mutant:
    """A wrong solution: `old`, which occurs once in the instructor's solution of the question, becomes `new`.

    Attributes:
        name: A short name, which `mistakes.py` uses, too.
        question: The question that is wrong.
        old: The text that is replaced.
        new: The text that replaces it.
        not_described: Why `mistakes.py` does not describe what this solution leaves, as the rest of a sentence
            that begins with the solution; "" if it does, or if the lab has no mistakes.
    """

    name: str
    question: str
    old: str
    new: str
    not_described: str = ""


def check(
    question: str, *, points: float, hint: str, hidden: bool = False
) -> Callable[[Callable[[Evidence], Verdict]], LabCheck]:
    """Return a decorator that makes a function a check; the function's name, with spaces, is the check's name."""

    def make(function: Callable[[Evidence], Verdict]) -> LabCheck:
        return LabCheck(function.__name__.replace("_", " "), question, points, hint, hidden, function)

    return make


def expect(*, expected: object, got: object) -> Verdict:
    """Return a verdict that compares two values as `same` does."""
    return Verdict(same(expected, got), as_text(expected), as_text(got), figures=figures(got))


def same(expected: object, got: object) -> bool:
    """Return whether two values are equal.

    Numbers are compared by value, whatever their type. Rounding errors are ignored, but two integers must be
    equal, and a number must be less than 0.5 away from an expected integer, however large this is. Lists and
    tuples with the same values are equal. `True`, "1" and 1 differ.
    """
    if isinstance(expected, bool) or isinstance(got, bool):
        return expected is got
    if isinstance(expected, int) and isinstance(got, int):
        return expected == got
    if isinstance(expected, float | int | Decimal) and isinstance(got, float | int | Decimal):
        is_near = math.isclose(expected, got, rel_tol=1e-6, abs_tol=1e-6)
        return is_near and (not isinstance(expected, int) or abs(float(got - expected)) < 0.5)
    if isinstance(expected, list | tuple) and isinstance(got, list | tuple):
        return len(expected) == len(got) and all(map(same, expected, got))
    if isinstance(expected, dict) and isinstance(got, dict):
        return expected.keys() == got.keys() and all(same(value, got[key]) for key, value in expected.items())
    return expected == got


def figures(value: object) -> str:
    """Return a hash that is equal for values with the same figures, however they are written.

    2, 2.0 and Decimal(2) are equal, as are lists and tuples, and dicts in any order.
    """
    digest = hashlib.sha256()
    try:
        for token in _tokens(value):
            digest.update(token.encode("utf-8", "surrogatepass"))
    except RecursionError:  # a submission can send anything
        return ""
    return digest.hexdigest()[:16]


def _tokens(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        yield "{"
        for key in sorted(value, key=repr):
            yield f"{key!r}:"
            yield from _tokens(value[key])
        yield "}"
    elif isinstance(value, list | tuple | set | frozenset):
        yield "["
        for item in sorted(value, key=repr) if isinstance(value, set | frozenset) else value:
            yield from _tokens(item)
        yield "]"
    elif isinstance(value, float | Decimal) and math.isfinite(value):
        yield f"{int(value) if value == int(value) else float(f'{value:.9g}')!r},"
    else:
        yield f"{value!r},"


def is_caused_by_service(error: BaseException | None) -> bool:
    """Return whether an error was raised because a service did not answer."""
    return error is not None and (isinstance(error, ServiceUnavailable) or is_caused_by_service(error.__cause__))


def number(value: object) -> int | float | None:
    """Return a number of any type as an int or float; None for everything else, also for text and NaN."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or math.isnan(value):
        return None
    return int(value) if value == int(value) else float(value)


def named(rows: list[dict], names: Sequence[str]) -> list[dict]:
    """Return rows with the expected names, if only one column has another name and only one name is missing.

    A check of values reads such rows when another check judges the names: one wrong name costs one check.
    """
    found = list(dict.fromkeys(name for row in rows for name in row))
    missing, others = [name for name in names if name not in found], [name for name in found if name not in names]
    if len(missing) != 1 or len(others) != 1:
        return rows
    return [{missing[0] if name == others[0] else name: value for name, value in row.items()} for row in rows]


def iso_day(value: object) -> str:
    """Return a date, given as text, as a date or as a timestamp at midnight, as ISO text (`2025-01-31`)."""
    text = value.isoformat() if isinstance(value, date | datetime) else str(value)
    day, time = text[:10], text[10:].strip("T ").removesuffix("Z").removesuffix("+00:00")
    return text if time.strip("0:.") else day


def as_text(value: object) -> str:
    """Return a value as text of limited length; an empty list or dict is "nothing"."""
    if isinstance(value, list | tuple | dict | set) and not value:
        return "nothing"
    return shortened(value if isinstance(value, str) else repr(value))


def shortened(text: str) -> str:
    """Return a text that is cut after MAX_TEXT_CHARS characters."""
    return text if len(text) <= MAX_TEXT_CHARS else f"{text[:MAX_TEXT_CHARS]}… ({len(text)} characters)"
