"""Explains columns that do not exist: another spelling, text without quotes, a field of a nested column.

A name in a method of a DataFrame (`select("Host")`) is one of those that Spark reports.
"""

import ast
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from eventlab.explain.edits import (
    is_accepted,
    is_in_sql,
    name_correction,
    replaced_in_code,
    sql_correction,
    sql_texts,
)
from eventlab.explain.explanation import REPLACE_LINE, Explain, Explanation, correction
from eventlab.explain.failed_cell import FailedCell, close_matches
from eventlab.explain.session import dataframes, session_of, session_variable
from eventlab.explain.syntax_trees import is_python
from eventlab.settings import Settings

WORD = r"[A-Za-z_/][\w./:@-]*"
COMPARED = (
    rf"(?i:(?<![\w.`])(?P<column>`[^`]+`|[\w.]+)\s*(?:={{1,3}}|<=>|!=|<>|\b(?:not\s+)?like\b)\s*(?P<value>{WORD})(?![\w('\"`])"
    r"|(?<![\w.`])(?P<in_column>`[^`]+`|[\w.]+)\s+(?:not\s+)?in\s*\((?P<values>[^()'\"]+)\))"
)
"""A column that is compared with a word without quotes, or with several: `Host = a`, `Host in (a, b)`."""
CONSTANTS = ("true", "false", "null", "current_date", "current_timestamp")
LOOKUPS = ("__getitem__", "get_grouper", "_get_label_or_level_values")
"""Functions of pandas that search for a column; a name in `loc[...]` may be that of a row."""
PARTITION_COLUMN = re.compile(r"Partition column `(.+?)` not found in schema struct<(.*)>\.")


class Unresolved(NamedTuple):
    """A name that Spark did not find.

    Attributes:
        name: The name without the names before its last dot.
        path: The whole name, such as `user1.comcast.com`.
        columns: The names that exist.
        kind: What it would be: a column, or a field of a nested column.
    """

    name: str
    path: str
    columns: list[str]
    kind: str = "column"


def column_needs_backquotes(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that SQL reads `User-Agent` without backquotes as User minus Agent, while that column exists.

    Remedy: The line with backquotes.
    """
    for unknown in unresolved(cell):
        for column in (name for name in unknown.columns if "-" in name):
            unquoted = rf"(?<![`\w-]){re.escape(column)}(?![`\w-])"
            line = cell.only_line(re.escape(column))
            if unknown.name not in column.split("-"):
                continue
            what = f"In SQL, {column} without backquotes means {column.replace('-', ' minus ')}."
            proof = f"Spark searched for a column {unknown.name}; the column `{column}` exists"
            for _, text in sql_texts(cell, column):
                corrected = replaced_in_code(unquoted, f"`{column}`", text)
                if explanation := sql_correction(cell, text, corrected, what, proof):
                    return explanation
            if len(re.findall(unquoted, line)) == 1:  # as in an f-string
                return Explanation(what, proof, re.sub(unquoted, f"`{column}`", line), REPLACE_LINE)
    return None


def text_needs_quotes(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that SQL reads text without quotes as the name of a column.

    Remedy: The line with single quotes around the text.
    """
    for unknown in unresolved(cell):
        if unknown.kind != "column" or similar_columns(unknown.name, unknown.columns):
            continue
        what = "In SQL, text needs single quotes. Without them, Spark searches for a column of that name: "
        what += f"{unknown.path}."
        proof = f"Spark found no column {unknown.path}; columns that exist: {', '.join(unknown.columns)}"
        for _, text in sql_texts(cell, unknown.path):
            for only_unknown in (False, True):  # without a DataFrame, Spark cannot check the other words
                corrected = _with_quotes(text, unknown, only_unknown, _numbers(cell))
                if corrected == text or (not only_unknown and not is_accepted(cell, corrected)):
                    continue
                if explanation := sql_correction(cell, text, corrected, what, proof):
                    return explanation
        if line := _quoted_variable(cell, unknown.path):
            return Explanation(what, proof, line, REPLACE_LINE)
    return None


def _numbers(cell: FailedCell) -> set[str]:
    """Return the columns of numbers: one that is compared with a string needs a number, not quotes."""
    from pyspark.sql.types import NumericType

    fields = [field for frame in sources(cell) for field in frame.schema.fields]
    return {field.name.lower() for field in fields if isinstance(field.dataType, NumericType)}


def _with_quotes(sql: str, unknown: Unresolved, only_unknown: bool, numbers: set[str]) -> str:
    """Return SQL with quotes around the words with which an existing column of strings is compared."""
    known = {name.lower() for name in unknown.columns} - numbers

    def quote(word: str) -> str:
        is_unknown = word.startswith(unknown.path)
        is_name = word.lower() in known or word.lower() in CONSTANTS or not re.fullmatch(WORD, word)
        return f"'{word}'" if is_unknown or not (is_name or only_unknown) else word

    def replace(match: re.Match[str]) -> str:
        column = (match["column"] or match["in_column"]).strip("`").rpartition(".")[2]
        if column.lower() not in known:
            return match[0]
        part = "value" if match["value"] else "values"
        words = ", ".join(quote(word.strip()) for word in match[part].split(","))
        start, end = match.start(part) - match.start(), match.end(part) - match.start()
        return match[0][:start] + words + match[0][end:]

    return replaced_in_code(COMPARED, replace, sql)


def _quoted_variable(cell: FailedCell, path: str) -> str | None:
    """Return the line in which an f-string puts the text of a variable into SQL, with quotes around it."""
    for name, value in cell.variables.items():
        if not isinstance(value, str) or not value.startswith(path):
            continue
        pattern = rf"(=\s*|\blike\s+)\{{{name}\}}"
        if line := cell.only_line(pattern):
            corrected = re.sub(pattern, rf"\1'{{{name}}}'", line, flags=re.IGNORECASE)
            if not is_python(corrected):  # the f-string is in single quotes itself
                corrected = re.sub(r"\bf'(.*)'", r'f"\1"', corrected)
            return corrected if is_python(corrected) else None
    return None


def field_of_a_column(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a name is not a column, but a field of a nested column: `item.price`.

    Remedy: The line with the column's name before the field.
    """
    for unknown in unresolved(cell):
        nested = {} if unknown.kind == "field" else _nested_fields(cell)
        if unknown.path not in nested:
            continue
        full = nested[unknown.path]
        what = f"There is no column {unknown.name!r}. "
        what += f"It is a field of the column {full.rpartition('.')[0]}: {full}."
        proof = f"the fields of nested columns are {', '.join(nested.values())}"
        if not is_in_sql(cell):
            return correction(cell, unknown.name, full, what, proof)
        for _, text in sql_texts(cell, unknown.name):
            corrected = text
            for name in (name for name in nested if name not in unknown.columns):
                pattern = rf"(?<!\bas )(?<![\w`.'\"]){re.escape(name)}(?![\w`.('\"])"
                corrected = replaced_in_code(pattern, nested[name], corrected)
            if explanation := sql_correction(cell, text, corrected, what, proof):
                return explanation
    return None


def _nested_fields(cell: FailedCell) -> dict[str, str]:
    """Return the fields of the cell's nested columns that only one column has: {"price": "item.price"}."""
    found: dict[str, set[str]] = {}
    for frame in sources(cell):
        for column in frame.schema.fields:
            for field in getattr(column.dataType, "fields", ()):
                found.setdefault(field.name, set()).add(f"{column.name}.{field.name}")
    return {name: paths.pop() for name, paths in found.items() if len(paths) == 1}


def column_not_found(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a column, or a field of a nested column, does not exist. Name the nearest one.

    Remedy: The line with the nearest column, or a line that shows the columns.
    """
    for unknown in unresolved(cell):
        if unknown.name in unknown.columns or not unknown.columns:
            continue
        what = f"There is no {unknown.kind} {unknown.name!r}."
        proof = f"{unknown.kind}s that exist: {', '.join(unknown.columns)}"
        is_name = re.fullmatch(r"[\w .-]+", unknown.name)
        for similar in similar_columns(unknown.name, unknown.columns) if is_name else ():
            question = f"{what} Did you mean {similar!r}?"
            if explanation := name_correction(cell, unknown.name, similar, question, proof):
                return explanation
        known = set(unknown.columns)
        frame = next((name for name, frame in dataframes(cell) if set(frame.columns) <= known), None)
        table = next(iter(_tables(cell)), None)
        if frame or table:
            shown = frame or f"{session_variable(cell) or 'spark'}.table({table!r})"
            shown += ".columns" if unknown.kind == "column" else ".printSchema()"
            see_columns = f"To see the {unknown.kind}s, run this; then write one of them in the cell"
            return Explanation(what, proof, shown, see_columns)
    return None


def unresolved(cell: FailedCell) -> Iterator[Unresolved]:
    """Yield each name that Spark could not resolve, with those that it proposes, or else the cell's columns."""
    for condition, parameters in cell.conditions.items():
        if condition == "FIELD_NOT_FOUND":
            name = parameters["fieldName"].strip("`")
            yield Unresolved(name, name, re.findall(r"`([^`]*)`", parameters["fields"]), "field")
        if not condition.startswith(("UNRESOLVED_COLUMN", "CANNOT_RESOLVE_DATAFRAME_COLUMN")):
            continue
        proposed = re.findall(r"(?:`[^`]*`\.)*`([^`]*)`", parameters.get("proposal", ""))
        names = [frame.columns for frame in sources(cell)]
        known = [columns for columns in names if set(proposed) <= set(columns)]  # Spark proposes at most five
        columns = [column for columns in known for column in columns] or proposed
        unknown = parameters.get("objectName") or parameters.get("name", "")
        parts = unknown.strip('`"').split("`.`")
        yield Unresolved(parts[-1], ".".join(parts), list(dict.fromkeys(columns)))
    for name, schema in PARTITION_COLUMN.findall(cell.text):
        while schema != (flat := re.sub(r"<[^<>]*>", "", schema)):
            schema = flat
        yield Unresolved(name, name, [field.partition(":")[0] for field in schema.split(",")])


def similar_columns(unknown: str, columns: list[str]) -> list[str]:
    """Return the columns that differ in case, dash or underscore, then those that differ in few letters."""

    def plain(name: str) -> str:
        return re.sub(r"[-_ .]", "", name).lower()

    same = [column for column in columns if plain(column) == plain(unknown)]
    return same or close_matches(unknown, columns)[:1]


def sources(cell: FailedCell) -> Iterator[Any]:
    """Yield the DataFrames of the cell, and those of the tables in its SQL."""
    yield from (frame for _, frame in dataframes(cell))
    yield from (session_of(cell).table(name) for name in _tables(cell))


def _tables(cell: FailedCell) -> list[str]:
    """Return the names of existing tables in the SQL of the cell."""
    session = session_of(cell)
    if session is None:
        return []
    texts = "\n".join(text for _, text in cell.strings())
    names = re.findall(r"\b(?:from|join)\s+`?([\w.]+)", texts, re.IGNORECASE)
    arguments = [argument for call in cell.calls("table") for argument in call.args]
    names += [str(argument.value) for argument in arguments if isinstance(argument, ast.Constant)]
    return [name for name in dict.fromkeys(names) if session.catalog.tableExists(name)]


def pandas_column(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a DataFrame of pandas has no such column. Name the nearest one.

    Remedy: The line with the nearest column, or a line that shows the columns.
    """
    wrong = next((error.args[0] for error in cell.errors if isinstance(error, KeyError) and error.args), None)
    if not isinstance(wrong, str) or not cell.text.startswith("builtins.KeyError"):
        return None
    frames = {name: value for name, value in cell.variables.items() if type(value).__name__ == "DataFrame"}
    frames = {name: list(map(str, frame.columns)) for name, frame in frames.items()}
    searched = _searched_columns(cell)
    for name, columns in frames.items():
        if wrong in columns or columns != searched:
            continue
        what = f"{name} has no column {wrong!r}."
        proof = f"its columns are {', '.join(columns)}"
        for similar in similar_columns(wrong, columns):
            return correction(cell, wrong, similar, f"{what} Did you mean {similar!r}?", proof)
        if len(frames) == 1 and re.search(rf"\b{name}\b.*\[\s*['\"]{re.escape(wrong)}", cell.source):
            return Explanation(what, proof, f"{name}.columns", "To see the columns, run this")
    return None


def _searched_columns(cell: FailedCell) -> list[str] | None:
    """Return the columns of the DataFrame in which pandas searched for a column, as the traceback has it."""
    columns = None
    for frame in (trace.tb_frame for trace in cell.trace):
        searched: Any = frame.f_locals.get("self", frame.f_locals.get("obj"))
        if frame.f_code.co_name in LOOKUPS and "/pandas/" in frame.f_code.co_filename:
            columns = list(map(str, searched.columns)) if type(searched).__name__ == "DataFrame" else columns
    return columns


EXPLANATIONS: list[Explain] = [
    column_needs_backquotes,
    field_of_a_column,
    text_needs_quotes,
    column_not_found,
    pandas_column,
]
