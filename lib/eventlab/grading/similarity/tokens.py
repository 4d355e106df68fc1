"""The code of a notebook as tokens that renaming, comments and layout do not change.

Pygments reads the code. Each name becomes one symbol, also one that the released notebook uses, because a student
can give it to a variable. Names of attributes and of Python's own functions stay, and so do texts and numbers. SQL
in a text is read as SQL.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from pygments.lexers.python import PythonLexer
from pygments.lexers.sql import SqlLexer
from pygments.token import Comment, Keyword, Name, Number, String, Text

MAX_CHARS = 60_000
"""Characters of a notebook's code that are compared; the labs' solutions have less than 10,000."""
CHOSEN = "name"
"""The symbol of each name that a student chooses."""
SQL = re.compile(r"\bselect\b", re.IGNORECASE)
WORD = re.compile(r"\w+|[^\w\s]")
QUOTED = re.compile(r"(\"\"\"|'''|\"|')(.*)\1", re.DOTALL)
QUOTES = re.compile(r"[\"']+")


@dataclass(frozen=True, slots=True)
class Token:
    """A token: the symbol that is compared, and its place in the code."""

    symbol: str
    start: int
    end: int


def names_of(code: str) -> frozenset[str]:
    """Return all names in the code and all words in its texts, in small letters."""
    return frozenset(word.lower() for word in re.findall(r"\w+", code))


def tokens_of(code: str, known: Collection[str] = ()) -> list[Token]:
    """Return the tokens of Python code with its IPython commands.

    Args:
        code: The code.
        known: Names in small letters that a student does not choose in SQL, such as columns of a table.
    """
    found: list[Token] = []
    text_start = text_end = 0
    for start, kind, value in PythonLexer(stripnl=False, ensurenl=False).get_tokens_unprocessed(code):
        end = start + len(value)
        if kind in String and kind not in String.Interpol and kind not in String.Affix and kind not in String.Doc:
            text_start = text_start if text_end == start else start
            text_end = end
            continue
        if text_end > text_start:
            found += _of_text(code[text_start:text_end], text_start, known)
            text_start = text_end
        if not value.strip() or kind in Comment or kind in Text or kind in String:
            continue
        attribute = bool(found) and found[-1].symbol == "."
        stays = kind not in Name or kind in Name.Builtin or attribute
        found.append(Token(value if stays else CHOSEN, start, end))
    if text_end > text_start:
        found += _of_text(code[text_start:text_end], text_start, known)
    return found


def _of_text(text: str, start: int, known: Collection[str]) -> Iterator[Token]:
    """Yield the tokens of a text between quotes: its words, or those of SQL."""
    if not SQL.search(text):
        for word in WORD.finditer(text):
            if not QUOTES.fullmatch(word[0]):
                yield Token(word[0], start + word.start(), start + word.end())
        return
    if inside := QUOTED.fullmatch(text):
        text, start = inside[2], start + inside.start(2)
    for place, kind, value in SqlLexer().get_tokens_unprocessed(text):
        if not value.strip() or kind in Comment or QUOTES.fullmatch(value):
            continue
        stays = kind in Keyword or kind in Number or kind not in Name or value.lower() in known
        yield Token(value.lower() if stays else CHOSEN, start + place, start + place + len(value))
