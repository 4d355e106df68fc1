"""Corrected lines of a cell: an edit of its SQL, which Spark checks first, or of one expression of its Python."""

import ast
import contextlib
from collections.abc import Iterator
from typing import Any

from eventlab.explain.explanation import REPLACE_LINE, RUN_FIRST, Explanation
from eventlab.explain.failed_cell import FailedCell
from eventlab.explain.session import dataframes, session_of

QUERY_WORDS = ("select", "with", "from", "table")


def sql_texts(cell: FailedCell, fragment: str) -> Iterator[tuple[str | None, str]]:
    """Yield the strings of the cell that contain a fragment of SQL: (None, literal) or (variable, its value)."""
    visited = set()
    for name, text in sorted(cell.strings(), key=lambda pair: pair[0] is None):  # variables first
        if fragment in text and text not in visited:
            visited.add(text)
            yield name, text


def sql_correction(cell: FailedCell, old: str, new: str, what: str, proof: str) -> Explanation | None:
    """Explain an error of SQL whose remedy is the text `new` for `old`, if Spark accepts the corrected query.

    Returns:
        None when `old` is not in one string of the cell, or when Spark rejects the corrected query too.
    """
    for name, text in sql_texts(cell, old):
        corrected = text.replace(old, new)
        if not is_accepted(cell, corrected):
            continue
        if name:
            return Explanation(what, proof, f"{name} = {corrected!r}", RUN_FIRST)
        line = _changed_line(cell.source, cell.source.replace(text, corrected)) if text in cell.source else None
        if line:
            return Explanation(what, proof, line, REPLACE_LINE)
    return None


def python_correction(cell: FailedCell, node: ast.expr, new: str, what: str, proof: str) -> Explanation | None:
    """Explain an error whose remedy is other code for one expression of the cell, which is in one line."""
    if node.lineno != node.end_lineno:
        return None
    line = cell.source.split("\n")[node.lineno - 1].encode()
    changed = line[: node.col_offset] + new.encode() + line[node.end_col_offset :]
    return Explanation(what, proof, changed.decode().strip(), REPLACE_LINE)


def source_of(cell: FailedCell, node: ast.AST) -> str:
    """Return the code of a node of the cell's tree."""
    return ast.get_source_segment(cell.source, node) or ""


def is_accepted(cell: FailedCell, sql: str) -> bool:
    """Return whether Spark accepts a query, or an expression on a DataFrame of the cell; nothing is executed."""
    session = session_of(cell)
    if session is None:
        return False
    if sql.split(maxsplit=1)[:1] and sql.split(maxsplit=1)[0].lower() in QUERY_WORDS:
        return _has_schema(lambda: session.sql(sql))
    frames = [frame for _, frame in dataframes(cell)]
    if not frames:
        return True  # an expression on a DataFrame that is in no variable cannot be checked
    return any(
        _has_schema(lambda frame=frame: frame.where(sql)) or _has_schema(lambda frame=frame: frame.selectExpr(sql))
        for frame in frames
    )


def _has_schema(create: Any) -> bool:
    with contextlib.suppress(Exception):
        return bool(create().schema is not None)
    return False


def _changed_line(old: str, new: str) -> str | None:
    """Return the only line that differs in the new text, or None."""
    before, after = old.split("\n"), new.split("\n")
    changed = [line for line, earlier in zip(after, before, strict=False) if line != earlier]
    return changed[0].strip() if len(changed) == 1 and len(before) == len(after) else None
