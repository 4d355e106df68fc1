"""The passages that two submissions share, as places in their code."""

from __future__ import annotations

from dataclasses import dataclass

from eventlab.grading.similarity.compare import LENGTH, Document, Pair, Sequences


@dataclass(frozen=True)
class Passage:
    """A part of the code; passages of two submissions with the same number contain the same tokens.

    Attributes:
        number: The number, from 1.
        start: Its first character.
        end: The character behind its last one.
    """

    number: int
    start: int
    end: int


def passages(pair: Pair) -> tuple[list[Passage], list[Passage]]:
    """Return the shared passages of both submissions of a pair, in the order of their code."""
    runs = _runs(pair.first, pair.shared)
    numbers: dict[int, list[int]] = {}
    for number, (start, last) in enumerate(runs, start=1):
        for sequence in pair.first.sequences[start : last + 1]:
            numbers.setdefault(sequence, []).append(number)
    parts: list[tuple[int, int, int]] = []
    for start, last in _runs(pair.second, pair.shared):
        for place in range(start, last + 1):
            if same := numbers.get(pair.second.sequences[place]):
                if parts and parts[-1][0] in same and place <= parts[-1][2] + LENGTH:
                    parts[-1] = (parts[-1][0], parts[-1][1], place)
                else:
                    parts.append((same[0], place, place))
    firsts = [(number, start, last) for number, (start, last) in enumerate(runs, start=1)]
    return _placed(pair.first, firsts, pair.given), _placed(pair.second, parts, pair.given)


def lines(code: str, found: list[Passage]) -> int:
    """Return how many lines of the code the passages touch."""
    touched = {n for one in found for n in range(code.count("\n", 0, one.start), code.count("\n", 0, one.end) + 1)}
    return len(touched)


def _runs(document: Document, shared: Sequences) -> list[tuple[int, int]]:
    """Return the first and the last place of shared sequences that overlap or follow each other."""
    runs: list[tuple[int, int]] = []
    for place, sequence in enumerate(document.sequences):
        if sequence in shared:
            if runs and place <= runs[-1][1] + LENGTH:
                runs[-1] = (runs[-1][0], place)
            else:
                runs.append((place, place))
    return runs


def _placed(document: Document, parts: list[tuple[int, int, int]], given: Sequences) -> list[Passage]:
    """Return parts (number, first sequence, last sequence) as passages that do not overlap.

    A sequence can begin or end in given code: such tokens at the ends of a passage are left out.
    """
    of_given = {
        place + offset
        for place, sequence in enumerate(document.sequences)
        if sequence in given
        for offset in range(LENGTH)
    }
    found: list[Passage] = []
    behind = 0
    for number, start, last in parts:
        own = [place for place in range(max(start, behind), last + LENGTH) if place not in of_given]
        if own:
            found.append(Passage(number, document.tokens[own[0]].start, document.tokens[own[-1]].end))
            behind = own[-1] + 1
    return found
