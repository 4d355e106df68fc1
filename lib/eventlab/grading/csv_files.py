"""Reading and writing CSV files, without formulas: a spreadsheet shows each text as it is."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Collection, Iterable
from pathlib import Path

from eventlab.errors import EventlabError
from eventlab.grading.results import write_atomically
from eventlab.printable import printable

FORMULA_STARTS = tuple("=+-@＝＋－＠\t\n\r|%")
FORMULA_INSIDE = re.compile(r"([;\t\n][ \u00a0\"]*)(?=[=+\-@＝＋－＠|%])")
"""A spreadsheet whose separator is `;` or a tab begins a cell there, and a row at the end of a line."""
LIMIT = 10_000
"""Characters a cell; a spreadsheet's own limit is 32,767."""


class TableError(EventlabError):
    """A CSV file cannot be used; the message names the file and each line that is wrong."""


def read(path: Path) -> list[list[str]]:
    """Return the rows of a CSV file, whose fields are separated by commas, semicolons or tabs.

    Raises:
        TableError: The file cannot be read, or is empty.
    """
    return [row for _, row in _rows(path, strict=False)]


def _rows(path: Path, *, strict: bool) -> list[tuple[int, list[str]]]:
    """Return the rows with the numbers of their first lines; `strict` refuses a quote that is not closed.

    Moodle itself does not write strict CSV: it puts a backslash before some quotes instead of doubling them.
    """
    try:
        content = path.read_text(encoding=encoding_of(path))
    except (OSError, UnicodeError) as error:
        hint = ". Save it as CSV with UTF-8" if isinstance(error, UnicodeError) else ""
        raise TableError(f"{path} cannot be read: {error}{hint}") from error
    first = content.partition("\n")[0]
    delimiter = "\t" if "\t" in first else max(",;", key=first.count)  # titles have commas, but no tab
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=delimiter, strict=strict)
    rows: list[tuple[int, list[str]]] = []
    line = 1
    try:
        for row in reader:
            rows.append((line, row))
            line = reader.line_num + 1
    except csv.Error as error:
        raise TableError(f"{path}, line {line}: {error}. Is a double quote not closed?") from error
    if not any(row for _, row in rows):
        raise TableError(f"{path} is empty")
    return rows


def encoding_of(path: Path) -> str:
    """Return UTF-16 for a file with its byte order mark, as Blackboard's files have, and otherwise UTF-8."""
    with path.open("rb") as file:
        return "utf-16" if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"


def read_columns(path: Path, known: Iterable[str], required: Iterable[str]) -> list[tuple[int, dict[str, str]]]:
    """Return the number of each line that is not empty, and its fields by the name of the column.

    Args:
        path: The file; its first line has the names of the columns, in any order.
        known: The columns that may be there.
        required: The columns that must be there.

    Raises:
        TableError: Columns are missing, unknown or twice there, or a line has too many fields.
    """
    (_, first), *rows = _rows(path, strict=True)
    header = [name.strip().lower() for name in first]
    known, problems = list(known), []
    problems += [f"the column {name!r} is missing" for name in required if name not in header]
    problems += [f"the column {name!r} is not known" for name in dict.fromkeys(header) if name not in (*known, "")]
    problems += [f"the column {name!r} is there twice" for name in known if header.count(name) > 1]
    found = []
    for number, row in rows:
        if any(field.strip() for field in row[len(header) :]):
            problems.append(f"line {number} has {len(row)} fields, the first line has {len(header)}")
        elif any(field.strip() for field in row):
            padded = [*row, *[""] * len(header)]
            found.append((number, {n: f.strip() for n, f in zip(header, padded, strict=False) if n}))
    refuse(path, problems, f"The columns are: {', '.join(known)}")
    return found


def refuse(path: Path, problems: list[str], hint: str = "") -> None:
    """Raise an error that lists all problems of a file, if it has any.

    Raises:
        TableError: There are problems.
    """
    if problems:
        listed = "\n".join(f"  {problem}" for problem in problems)
        raise TableError(f"{path} cannot be used:\n{listed}{chr(10) + hint if hint else ''}")


def write(path: Path, rows: Iterable[Iterable[str]], unchanged: Collection[int] = ()) -> None:
    """Write a CSV file without formulas: a spreadsheet shows each field as it is. A lone dash stays as it is.

    Args:
        path: The file.
        rows: The rows.
        unchanged: The numbers of columns that contain no text of students: they are written as they are.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerows(
        [field if field == "-" or n in unchanged else text(field) for n, field in enumerate(row)] for row in rows
    )
    write_atomically(path, buffer.getvalue())


def text(value: str) -> str:
    """Return text that a spreadsheet shows as it is; a quote is put before a formula."""
    shown = FORMULA_INSIDE.sub(r"\1'", printable(value[:LIMIT]))
    return f"'{shown}" if shown.lstrip(" \u00a0").startswith(FORMULA_STARTS) else shown
