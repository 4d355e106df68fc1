"""Explains that a query filters for a value that no row has (`%why`)."""

import ast
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from eventlab.explain.comparisons import Comparison, comparisons, is_lazy, repr_sql
from eventlab.explain.edits import is_query, sql_texts
from eventlab.explain.explanation import RUN_FIRST, Explanation, correction
from eventlab.explain.failed_cell import FailedCell, close_matches, plans
from eventlab.explain.session import dataframes, is_dataframe, session_of
from eventlab.explain.why_null_column import null_column
from eventlab.settings import Settings

MAX_VALUES = 100
"""Distinct values of a column that are compared with a filter's value, the most similar ones first."""
NUMBERS = ("tinyint", "smallint", "int", "bigint", "float", "double", "decimal")


class Filter(NamedTuple):
    """A filter of the cell: its result, the rows before it, and one of its comparisons, as SQL needs its column.

    Attributes:
        view: The table or view whose rows these are, or None.
    """

    result: Any
    before: Any
    comparison: Comparison
    column: str
    is_number: bool
    view: str | None


def filter_keeps_nothing(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that no row has the value for which a query filters, or a column is NULL in all rows.

    Remedy: The line or the statement with the nearest value, or with the field's name in the messages.
    """
    for found in _filters(cell):
        if found.result.take(1) or found.before.where(found.comparison.sql(found.column, found.is_number)).take(1):
            continue
        if not found.before.where(f"{found.column} is not null").take(1):
            explanation = null_column(cell, found.before, found.comparison.path, found.view)
        else:
            explanation = _with_number(cell, found) if found.is_number else _with_text(cell, found)
        if explanation:
            return explanation
    return None


def _with_text(cell: FailedCell, found: Filter) -> Explanation | None:
    """Explain with the nearest text that the column has."""
    path, operator, values = found.comparison
    value = values[0]
    pattern = value.strip("%") if operator == "like" else value
    texts = nearest_values(found.before, found.column, pattern)
    what = f"No row has {found.comparison}, so the filter keeps nothing."
    proof = _proof(path, [repr(text) for text in sorted(texts[:10])], len(texts))
    if operator == "like" and any(_folded(pattern) in _folded(text) for text in texts) and "%" in value:
        similar = next(text for text in texts if _folded(pattern) in _folded(text))
        begin = _folded(similar).index(_folded(pattern))
        similar = value.replace(pattern, similar[begin : begin + len(pattern)])
        return _corrected(cell, value, similar, f"{what} Did you mean {similar!r}?", proof)
    if operator not in ("=", "in", "like"):
        return None
    same = [text for text in texts if _folded(text) == _folded(pattern)]
    for similar in (same or close_matches(pattern, texts))[:1]:
        return _corrected(cell, value, similar, f"{what} Did you mean {similar!r}?", proof)
    return correction(cell, value, texts[0], f"{what} Filter for a value that exists, for example.", proof)


def _folded(text: str) -> str:
    return text.strip().lower()


def _with_number(cell: FailedCell, found: Filter) -> Explanation | None:
    """Explain with a number for which the filter keeps a row."""
    from pyspark.sql import functions

    path, operator, values = found.comparison
    if operator == "like":
        return None
    numbers = found.before.select(functions.expr(found.column).alias("n")).where("n is not null").distinct()
    order = functions.abs(functions.col("n") - functions.lit(float(values[0])))
    near = [row[0] for row in numbers.orderBy(order, "n").limit(MAX_VALUES).collect()]
    fits = operator in ("=", "in", ">=", "<=")
    if not fits and len(near) < 2:
        return None
    new = near[0] if fits else near[1]  # above the second largest value is the largest
    what = f"No row has {found.comparison}, so the filter keeps nothing. "
    what += "Filter for a value that exists, for example."
    proof = _proof(path, [str(number) for number in sorted(near[:10])], len(near))
    return _corrected(cell, values[0], str(new), what, proof)


def _proof(path: str, shown: list[str], count: int) -> str:
    others = " and others" if count > len(shown) else ""
    return f"the values of {path} are: {', '.join(shown)}{others}"


def _corrected(cell: FailedCell, value: str, similar: str, what: str, proof: str) -> Explanation | None:
    """Explain with the line, or with the statement of the cell's DataFrame, that has the other value."""
    simple = {name: item for name, item in cell.variables.items() if isinstance(item, str | int | float)}
    variable = next((name for name, item in simple.items() if str(item) == value), None)
    if variable and not isinstance(cell.variables[variable], str):
        return Explanation(what, proof, f"{variable} = {similar}", RUN_FIRST)
    if explanation := correction(cell, value, similar, what, proof):
        return explanation
    for name, _ in dataframes(cell):
        statement = cell.assignment_of(name) or ""
        if statement.count(value) == 1:
            return Explanation(what, proof, statement.replace(value, similar), RUN_FIRST)
    return None


def has_row(frame: Any, column: str, value: str) -> bool:
    """Return whether a row has the value, as Spark compares them."""
    return bool(frame.where(f"{column} = {repr_sql(value)}").take(1))


def nearest_values(frame: Any, column: str, value: str) -> list[str]:
    """Return values of the column as strings: those in which the fewest letters differ from the value first."""
    from pyspark.sql import functions

    text = functions.expr(column).cast("string").alias("text")
    distance = functions.levenshtein(functions.lower("text"), functions.lower(functions.lit(value)))
    rows = frame.select(text).where("text is not null").distinct().orderBy(distance, "text").limit(MAX_VALUES)
    return [row[0] for row in rows.collect()]


def _filters(cell: FailedCell) -> Iterator[Filter]:
    """Yield the filters of the cell's DataFrames and of its SQL, one for each comparison with a value."""
    session = session_of(cell)
    if session is None:
        return
    for frame in [*(frame for _, frame in dataframes(cell)), *_unnamed(cell)]:
        for plan in plans(frame):
            if type(plan).__name__ == "Filter" and not frame.isStreaming:
                before = type(frame)(plan._child, frame.sparkSession)
                yield from _of_text(str(plan.filter), frame, before)
    for _, text in sql_texts(cell, ""):
        if not is_query(text):
            continue
        tables = re.findall(r"\bfrom\s+`?([\w.]+)", text, re.IGNORECASE)
        where = re.search(r"\bwhere\b(.*?)(?=\bgroup\s+by\b|\bhaving\b|\border\s+by\b|$)", text, re.I | re.S)
        if where and len(tables) == 1 and session.catalog.tableExists(tables[0]):
            yield from _of_text(where[1], session.sql(text), session.table(tables[0]), tables[0])


def _unnamed(cell: FailedCell) -> Iterator[Any]:
    """Yield the filtered DataFrames that no variable has: `events.where("n = 5").show()`."""
    variables = dict(cell.namespace)
    for call in cell.calls("where", "filter"):
        if is_lazy(call, variables):
            frame = eval(compile(ast.Expression(call), "%why", "eval"), variables)
            if is_dataframe(frame):
                yield frame


def _of_text(text: str, result: Any, before: Any, view: str | None = None) -> Iterator[Filter]:
    """Yield the comparisons of a filter whose columns the rows have."""
    for comparison in comparisons(text):
        if column := column_of(comparison.path, before.columns):
            kind = before.selectExpr(f"{column} as c").dtypes[0][1].partition("(")[0]
            is_number = kind in NUMBERS
            if not is_number or all(re.fullmatch(r"-?\d+(\.\d+)?", value) for value in comparison.values):
                yield Filter(result, before, comparison, column, is_number, view)


def column_of(path: str, columns: list[str]) -> str | None:
    """Return a path as SQL needs it: a column, a field in it, or a column after the name of a table."""
    known = {column.lower() for column in columns}
    parts = path.split(".")
    if path.lower() in known:
        return f"`{path}`"
    if parts[0].lower() not in known:
        parts = parts[1:]
    if not parts or parts[0].lower() not in known:
        return None
    return ".".join(f"`{part}`" for part in parts)
