"""The pages about the similarity of submissions: an overview of the class, and one page per pair, side by side."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from markupsafe import Markup, escape

from eventlab.grading.reports.html import render_template
from eventlab.grading.results import write_atomically
from eventlab.grading.similarity.compare import COMMON_MIN, COMMON_SHARE, Pair
from eventlab.grading.similarity.passages import Passage, lines, passages
from eventlab.grading.similarity.submissions import INSTRUCTOR, SimilarityResult
from eventlab.labs.catalogue import Lab
from eventlab.printable import printable

COLOURS = 6
STEP = 10
"""Percent of one bar of the distribution."""


@dataclass(frozen=True)
class Row:
    """A pair in the table of the overview.

    Attributes:
        percent: The similarity.
        lines: The shared lines of the first submission.
        longest: The lines of its longest shared passage.
        page: The file with the pair side by side.
    """

    first: str
    second: str
    percent: int
    lines: int
    longest: int
    page: str


def write(lab: Lab, result: SimilarityResult, output: Path, *, threshold: int, limit: int) -> list[Row]:
    """Write OUTPUT/index.html and one page per pair, and return the pairs.

    Args:
        lab: The lab.
        result: The comparison of the class.
        output: The folder; the pairs of an earlier run are deleted.
        threshold: Percent from which a pair is shown.
        limit: The number of pairs that are shown, the most similar ones first.
    """
    for earlier in output.glob("pair-*.html"):
        earlier.unlink()
    found = result.comparison.pairs(threshold / 100)
    rows = [_write_pair(lab, pair, number, output) for number, pair in enumerate(islice(found, limit), start=1)]
    more = sum(1 for _ in found)
    nearest = [(one.name, other.name, _percent(value)) for one, other, value in result.comparison.nearest()]
    students = [row for row in nearest if row[0] != INSTRUCTOR]
    page = render_template(
        "similarity.html",
        lab=lab.name,
        submissions=result.submissions,
        threshold=threshold,
        common=f"{100 * COMMON_SHARE:.0f} %",
        common_least=COMMON_MIN,
        rows=rows,
        more=more,
        bars=_distribution([percent for _, _, percent in students]),
        students=sorted(students, key=lambda row: (-row[2], row[0])),
        left_out=[document.name for document in result.comparison.left_out if document.name != INSTRUCTOR],
        alike=[document.name for document in result.comparison.common if document.name != INSTRUCTOR],
        unreadable=result.unreadable,
    )
    write_atomically(output / "index.html", page)
    return rows


def _write_pair(lab: Lab, pair: Pair, number: int, output: Path) -> Row:
    first, second = passages(pair)
    longest = max((lines(pair.first.code, [one]) for one in first), default=0)
    page = f"pair-{number:03}.html"
    row = Row(
        pair.first.name, pair.second.name, _percent(pair.similarity), lines(pair.first.code, first), longest, page
    )
    sides = [
        (pair.first.name, _marked(pair.first.code, first, "a", "b")),
        (pair.second.name, _marked(pair.second.code, second, "b", "a")),
    ]
    write_atomically(output / page, render_template("similar_pair.html", lab=lab.name, row=row, sides=sides))
    return row


def _marked(code: str, found: list[Passage], side: str, other: str) -> Markup:
    """Return code as HTML whose passages are coloured, numbered and linked to those of the other side."""
    parts, place, named = [], 0, set()
    for one in found:
        name = Markup(' id="{}{}"').format(side, one.number) if one.number not in named else ""
        named.add(one.number)
        parts.append(escape(_visible(code[place : one.start])))
        parts.append(
            Markup('<mark class="c{}"{}><a href="#{}{}">{}</a>{}</mark>').format(
                one.number % COLOURS, name, other, one.number, one.number, _visible(code[one.start : one.end])
            )
        )
        place = one.end
    return Markup("").join([*parts, escape(_visible(code[place:]))])


def _visible(code: str) -> str:
    return printable(code)


def _percent(similarity: float) -> int:
    """Return whole percent, rounded down, so that only equal code is 100."""
    return int(100 * similarity + 1e-4)


def _distribution(percents: list[int]) -> list[tuple[str, int, int]]:
    """Return one bar per step of percent: its label, the number of students, and its length in percent."""
    counts = [0] * (100 // STEP)
    for percent in percents:
        counts[min(percent // STEP, len(counts) - 1)] += 1
    most = max([1, *counts])
    return [
        (f"{STEP * n}–{STEP * n + STEP} %", count, round(100 * count / most)) for n, count in enumerate(counts)
    ]
