"""Corrected lines of a cell: an edit of its SQL, which Spark checks first, or of one expression of its Python."""

import ast
import contextlib
import re
from collections.abc import Callable, Iterator
from typing import Any

from eventlab.explain.explanation import INSTEAD, REPLACE_LINE, RUN_FIRST, Explanation, correction
from eventlab.explain.failed_cell import FailedCell
from eventlab.explain.query_context import contexts
from eventlab.explain.session import FUNCTIONS, dataframes, session_of
from eventlab.explain.syntax_trees import is_python, python_tree

QUERY = re.compile(r"[\s(]*(select|with|from|table)\b", re.IGNORECASE)
STATEMENT = re.compile(
    r"\b(insert|create|merge|delete|update|overwrite|drop|alter|truncate|replace\s+table|cache|use|set|refresh|analyze)\b",
    re.IGNORECASE,
)
LITERALS_AND_COMMENTS = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|--[^\n]*|/\*.*?\*/", re.DOTALL)
NO_CODE = rf"{LITERALS_AND_COMMENTS.pattern}|`[^`]*`"
"""The parts of SQL that a correction leaves as they are: strings, comments, and names in backquotes."""
FIRST_SIGN = 0xE000
"""The first of the characters for private use, which stand for these parts while the rest changes."""
OF_F = re.compile(r"\bF\.\w")
ACCEPTED = "; Spark accepts the query with the line below"
"""Added to the proof of a correction that Spark has checked."""


def is_query(sql: str) -> bool:
    """Return whether SQL only reads. Spark Connect executes any other statement when it checks it."""
    words = LITERALS_AND_COMMENTS.sub("''", sql)
    return bool(QUERY.match(words)) and not STATEMENT.search(words)


def sql_texts(cell: FailedCell, fragment: str) -> Iterator[tuple[str | None, str]]:
    """Yield the strings of the cell that contain a fragment of SQL: (None, literal) or (variable, its value)."""
    visited = set()
    for name, text in sorted(cell.strings(), key=lambda pair: pair[0] is None):  # variables first
        if fragment in text and text not in visited:
            visited.add(text)
            yield name, text


def sql_correction(cell: FailedCell, old: str, new: str, what: str, proof: str) -> Explanation | None:
    """Explain an error of SQL whose remedy is the text `new` for `old`, unless Spark rejects the corrected query.

    Args:
        cell: The failed cell.
        old: The wrong part of the query, which is not replaced inside of a longer name, a string or a comment.
        new: What replaces it.
        what: What happened.
        proof: What Spark reports; if Spark has accepted the corrected query, the proof says so.

    Returns:
        None when `old` is not in one string of the cell, or when Spark rejects the corrected query too.
    """
    for name, text in sql_texts(cell, old):
        corrected = new if old == text else replaced_in_code(_as_pattern(old), new, text)
        accepted = is_accepted(cell, corrected)
        if accepted is False or corrected == text:
            continue
        proof_of_text = proof + (ACCEPTED if accepted else "")
        if name and name not in cell.assigned:  # this cell would set the variable to the wrong text again
            return Explanation(what, proof_of_text, f"{name} = {corrected!r}", RUN_FIRST)
        if line := _line_with(cell.source, text, corrected):
            return Explanation(what, proof_of_text, line, REPLACE_LINE)
    return None


def statement_correction(cell: FailedCell, old: str, new: str, what: str, proof: str) -> Explanation:
    """Explain with another statement for one of this cell, or for one of an earlier cell."""
    if old not in cell.source:
        return Explanation(what, proof, new, RUN_FIRST)
    return cell_correction(cell, cell.source.replace(old, new), what, proof)


def cell_correction(cell: FailedCell, source: str, what: str, proof: str) -> Explanation:
    """Explain with another source of the cell: with its only line that differs, or as a whole."""
    if line := changed_line(cell.source, source):
        return Explanation(what, proof, line, REPLACE_LINE)
    return Explanation(what, proof, source, INSTEAD)


def name_correction(cell: FailedCell, old: str, new: str, what: str, proof: str) -> Explanation | None:
    """Explain with another name: in SQL, if Spark accepts the query, or else in a method of a DataFrame."""
    if is_in_sql(cell):
        return sql_correction(cell, old, quoted_name(new), what, proof)
    return correction(cell, old, new, what, proof)


def is_in_sql(cell: FailedCell) -> bool:
    """Return whether Spark names a part of the cell's SQL as the place of the error."""
    return any(context.contextType().name == "SQL" for context in contexts(cell))


def quoted_name(name: str) -> str:
    """Return a name as SQL needs it."""
    return name if re.fullmatch(r"[\w.]+", name) else f"`{name}`"


def _line_with(source: str, text: str, corrected: str) -> str | None:
    """Return the cell's only line that changes with the corrected text, between quotes that fit it."""
    for old, new in ((text, corrected), (f"'{text}'", f'"{corrected}"')):
        changed = source.replace(old, new)
        literals = (node.value for node in ast.walk(python_tree(changed)) if isinstance(node, ast.Constant))
        if corrected in literals and (line := changed_line(source, changed)):
            return line
    return None


def replaced_in_code(pattern: str, new: str | Callable[[re.Match[str]], str], text: str) -> str:
    """Return SQL with each match of a pattern replaced that begins outside of strings, comments and backquotes."""
    code = re.compile(rf"(?P<code>{pattern})|{NO_CODE}", re.DOTALL)
    replace = new if callable(new) else lambda match: new
    return code.sub(lambda match: replace(match) if match["code"] else match[0], text)


def _as_pattern(old: str) -> str:
    """Return a pattern of a part of SQL as it is written, or of a name in backquotes; not of a part of a name."""
    begin = r"(?<![\w`])" if re.match(r"\w", old) else ""
    end = r"(?![\w`])" if re.search(r"\w$", old) else ""
    return rf"`{re.escape(old)}`|{begin}{re.escape(old)}{end}"


def hidden(text: str) -> tuple[str, Callable[[str], str]]:
    """Return SQL of the same length with signs for what is not code, and a function that brings this back."""
    parts: dict[str, str] = {}

    def hide(match: re.Match[str]) -> str:
        sign = chr(FIRST_SIGN + len(parts))
        parts[sign] = match[0]
        return sign * len(match[0])

    code = re.sub(NO_CODE, hide, text, flags=re.DOTALL)
    signs = rf"([\u{FIRST_SIGN:x}-\uf8ff])\1*"
    return code, lambda changed: re.sub(signs, lambda match: parts[match[1]], changed)


def python_correction(
    cell: FailedCell, node: ast.expr | ast.keyword | ast.Assign | ast.AugAssign, new: str, what: str, proof: str
) -> Explanation | None:
    """Explain an error whose remedy is other code for a part of one line; it imports F if it needs it.

    Returns:
        None if the code is in several lines, or if Python cannot read the cell with the other line.
    """
    if node.lineno != node.end_lineno:
        return None
    lines = cell.source.split("\n")
    row, line = node.lineno - 1, lines[node.lineno - 1].encode()
    lines[row] = (line[: node.col_offset] + new.encode() + line[node.end_col_offset :]).decode()
    needs_import = OF_F.search(new) and not OF_F.search(cell.source) and "F" not in cell.namespace
    own, changed = "\n".join([FUNCTIONS, *lines]), lines[row].strip()
    if needs_import:
        indent = re.match(r"\s*", lines[row])[0]  # type: ignore[index]
        changed = f"{FUNCTIONS}; {changed}"
        lines[row] = indent + changed
    if is_python("\n".join(lines)):
        return Explanation(what, proof, changed, REPLACE_LINE)
    can_begin = needs_import and not cell.source.startswith("%%")  # the line is in the middle of a statement
    return Explanation(what, proof, own, INSTEAD) if can_begin and is_python(own) else None


def end_of(node: ast.expr, text: str) -> ast.Name:
    """Return a node for the text with which another node ends, in its last line."""
    end = ast.copy_location(ast.Name(text), node)
    end.lineno = end.end_lineno or end.lineno
    end.col_offset = (end.end_col_offset or 0) - len(text.encode())
    return end


def source_of(cell: FailedCell, node: ast.AST) -> str:
    """Return the code of a node of the cell's tree."""
    return ast.get_source_segment(cell.source, node) or ""


def arguments_of(cell: FailedCell, call: ast.Call) -> str:
    """Return the arguments of a call as the cell has them, with the parentheses."""
    return source_of(cell, call)[len(source_of(cell, call.func)) :]


def with_keyword(call: str, name: str, value: str) -> str | None:
    """Return the code of a statement with one keyword argument set in its last call; None if it has no call."""
    calls = [node for node in ast.walk(python_tree(call)) if isinstance(node, ast.Call)]
    if not calls:
        return None
    target = max(calls, key=lambda node: (node.end_lineno or 0, node.end_col_offset or 0, -node.col_offset))
    given = next((keyword for keyword in target.keywords if keyword.arg == name), None)
    data, starts = call.encode(), [0]
    for line in call.encode().split(b"\n"):
        starts.append(starts[-1] + len(line) + 1)
    if given:
        begin = starts[given.value.lineno - 1] + given.value.col_offset
        end = starts[(given.value.end_lineno or 1) - 1] + (given.value.end_col_offset or 0)
        return (data[:begin] + value.encode() + data[end:]).decode()
    end = starts[(target.end_lineno or 1) - 1] + (target.end_col_offset or 0) - 1  # before the closing parenthesis
    before = data[:end].rstrip().rstrip(b",").rstrip()
    separator = b"" if before.endswith(b"(") else b", "
    return (before + separator + f"{name}={value}".encode() + data[end:]).decode()


def is_accepted(cell: FailedCell, sql: str) -> bool | None:
    """Return whether Spark accepts a query, or an expression on a DataFrame of the cell; nothing is executed.

    Returns:
        None when this cannot be checked without executing something, or without the DataFrame.
    """
    session = session_of(cell)
    if session is None:
        return False
    if is_query(sql):
        return has_schema(lambda: session.sql(sql))
    frames = [frame for _, frame in dataframes(cell)]
    if not frames or QUERY.match(sql) or STATEMENT.match(sql.strip()):
        return None
    return any(
        has_schema(lambda frame=frame: frame.where(sql)) or has_schema(lambda frame=frame: frame.selectExpr(sql))
        for frame in frames
    )


def has_schema(create: Any) -> bool:
    """Return whether Spark can analyze the DataFrame that a function returns; nothing is executed.

    A filtered DataFrame of Spark Connect has the schema of the one before the filter, and does not ask for it.
    """
    with contextlib.suppress(Exception):
        frame = create()
        frame._cached_schema = None
        return bool(frame.schema is not None)
    return False


def changed_line(old: str, new: str) -> str | None:
    """Return the only line that differs in the new text, or None."""
    before, after = old.split("\n"), new.split("\n")
    changed = [line for line, earlier in zip(after, before, strict=False) if line != earlier]
    return changed[0].strip() if len(changed) == 1 and len(before) == len(after) else None
