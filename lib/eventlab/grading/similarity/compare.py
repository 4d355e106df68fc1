"""Comparing the submissions of a class: which sequences of tokens two of them share, and few others have.

Sequences of a fixed number of tokens (k-grams) are compared, as in Schleimer, Wilkerson and Aiken, "Winnowing:
Local Algorithms for Document Fingerprinting" (SIGMOD 2003, https://doi.org/10.1145/872757.872770), the method of
MOSS. A class is small enough to compare all of them instead of a sample.

Two libraries do not fit. copydetect 0.5.0, its last release, is of March 2024: it took 52 s and 840 MB of memory
for 500 notebooks of 2 to 60 KB (this module 18 s and 520 MB), and it compares neither names of attributes nor
texts such as SQL, so that different right solutions of the labs share up to 58 % (here 26 %). compare50 1.2.15
needs attrs below 21, which jsonschema refuses.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from eventlab.grading.similarity.tokens import Token, tokens_of

LENGTH = 12
"""Tokens of a sequence: about one line of code. A shorter one is in almost every notebook."""
MIN_SEQUENCES = 30
"""Sequences that a submission needs to be compared: two or three lines of code that others do not have."""
COMMON_SHARE = 0.25
COMMON_MIN = 5
"""Sequences in more than this share of the class, and in more than this number, are not counted."""
COLUMNS = 4096
"""Sequences that are counted at the same time, which limits the memory."""

Sequences = frozenset[int]
"""Sequences as hashes of 64 bits, which need little memory. Two equal ones by chance are very unlikely."""


@dataclass(frozen=True, eq=False)
class Document:
    """The code of a submission.

    Attributes:
        name: The student.
        code: The code.
        tokens: Its tokens.
    """

    name: str
    code: str
    tokens: Sequence[Token]

    @classmethod
    def of(cls, name: str, code: str, known: frozenset[str] = frozenset()) -> Document:
        """Return the document of Python code; see `tokens_of` for `known`."""
        return cls(name, code, tokens_of(code, known))

    @cached_property
    def sequences(self) -> np.ndarray:
        """Return the sequence that begins at each token."""
        symbols = [token.symbol for token in self.tokens]
        starts = range(len(symbols) - LENGTH + 1)
        return np.fromiter((hash(tuple(symbols[n : n + LENGTH])) for n in starts), np.int64, len(starts))


@dataclass(frozen=True, eq=False)
class Pair:
    """Two submissions.

    Attributes:
        shared: The sequences that both have and that count.
        given: The sequences of the released notebook.
        similarity: The share of the shorter one's sequences that the other one has, from 0 to 1.
    """

    first: Document
    second: Document
    shared: Sequences
    given: Sequences
    similarity: float


@dataclass(frozen=True, eq=False)
class Comparison:
    """The submissions of a class, compared with each other.

    Attributes:
        documents: Those that are compared.
        left_out: Those with too little code of their own.
        common: Those with code of their own, almost all of which is common in the class.
        counted: The sequences of each document that count, sorted.
        given: The sequences of the released notebook.
        similarities: The similarity of each two documents, by their places; 0 for a document with itself.
    """

    documents: Sequence[Document]
    left_out: Sequence[Document]
    common: Sequence[Document]
    counted: Sequence[np.ndarray]
    given: Sequences
    similarities: np.ndarray

    def pair(self, row: int, column: int) -> Pair:
        """Return the pair of two places."""
        first, second = self.documents[row], self.documents[column]
        shared = np.intersect1d(self.counted[row], self.counted[column], assume_unique=True)
        return Pair(first, second, frozenset(shared.tolist()), self.given, float(self.similarities[row, column]))

    def pairs(self, threshold: float) -> Iterator[Pair]:
        """Yield the pairs from the threshold on: the most similar first, and of equal ones the longest."""
        rows, columns = np.nonzero(np.triu(self.similarities >= threshold, 1))
        sizes = np.array([len(sequences) for sequences in self.counted])
        shared = self.similarities[rows, columns] * np.minimum(sizes[rows], sizes[columns])
        order = np.lexsort((-shared.round(), -self.similarities[rows, columns]))
        yield from (self.pair(rows[place], columns[place]) for place in order)

    def nearest(self) -> Iterator[tuple[Document, Document, float]]:
        """Yield each document with the one that is most similar, and their similarity."""
        if len(self.documents) > 1:
            for place, other in enumerate(self.similarities.argmax(axis=1)):
                yield self.documents[place], self.documents[other], float(self.similarities[place, other])


def compare(documents: Sequence[Document], released: Sequence[Document] = ()) -> Comparison:
    """Compare the submissions of a class with each other.

    Args:
        documents: The submissions.
        released: What all students received; sequences of it are not counted.
    """
    given, _ = _counts([document.sequences for document in released])
    own = [np.delete(some, _places(given, some)) for some in (np.unique(one.sequences) for one in documents)]
    found, times = _counts(own)
    common = found[times > max(COMMON_MIN, COMMON_SHARE * len(documents))]
    counted = [np.delete(sequences, _places(common, sequences)) for sequences in own]
    kept = [place for place, sequences in enumerate(counted) if len(sequences) >= MIN_SEQUENCES]
    others = [place for place, sequences in enumerate(counted) if len(sequences) < MIN_SEQUENCES]
    chosen = [counted[place] for place in kept]
    sizes = np.array([len(sequences) for sequences in chosen], dtype=np.float32)
    similarities = _shared_counts(chosen) / np.minimum.outer(sizes, sizes)
    np.fill_diagonal(similarities, 0)
    return Comparison(
        documents=[documents[place] for place in kept],
        left_out=[documents[place] for place in others if len(own[place]) < MIN_SEQUENCES],
        common=[documents[place] for place in others if len(own[place]) >= MIN_SEQUENCES],
        counted=chosen,
        given=frozenset(given.tolist()),
        similarities=similarities,
    )


def _counts(sets: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return each sequence of the sets once, sorted, and how often it occurs."""
    return np.unique(np.concatenate([np.empty(0, np.int64), *sets]), return_counts=True)


def _places(sequences: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Return the places of those sequences that are among others; both are sorted."""
    places = np.searchsorted(among, sequences)
    places = places[places < len(among)]
    return places[among[places] == sequences[: len(places)]]


def _shared_counts(chosen: Sequence[np.ndarray]) -> np.ndarray:
    """Return how many sequences each two of the sets have in common; the diagonal means nothing."""
    found, times = _counts(chosen)
    several = found[times > 1]
    rows = [_places(sequences, several) for sequences in chosen]
    shared = np.zeros((len(chosen), len(chosen)), dtype=np.float32)
    for start in range(0, len(several), COLUMNS):
        present = np.zeros((len(chosen), COLUMNS), dtype=np.float32)
        for row, columns in enumerate(rows):
            first, behind = np.searchsorted(columns, [start, start + COLUMNS])
            present[row, columns[first:behind] - start] = 1
        shared += present @ present.T
    return shared
