"""Explains that a query filters for a value that no row has (`%why`)."""

import re
from collections.abc import Iterator
from typing import Any

from eventlab.explain.edits import is_query, sql_texts
from eventlab.explain.explanation import RUN_FIRST, Explanation, correction
from eventlab.explain.failed_cell import FailedCell, close_matches
from eventlab.explain.session import dataframes, session_of
from eventlab.settings import Settings

MAX_VALUES = 100
"""Distinct values of a column that are compared with a filter's value, the most similar ones first."""
EQUALS = re.compile(
    r"""==\((?P<call>[\w.-]+),\ (?P<called>[^()]+)\)  # Column<'==(event_type, purchase_sword)'>
    |`?(?P<name>[\w.-]+)`?\s*={1,2}\s*["'](?P<value>[^"']*)["']""",  # event_type = 'purchase_sword'
    re.VERBOSE,
)
NEGATED = re.compile(r"\bnot[\s(]*$", re.IGNORECASE)


def filter_keeps_nothing(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that no row has the value for which a query filters. Name the nearest value.

    Remedy: The line or the statement with the nearest value.
    """
    for result, frame, column, value in _filters(cell):
        if result.take(1) or has_row(frame, column, value):
            continue
        texts = nearest_values(frame, column, value)
        if not texts:
            continue
        what = f"No row has {column} = {value!r}, so the filter keeps nothing."
        proof = f"the values of {column} are: {', '.join(map(repr, sorted(texts[:10])))}"
        proof += " and others" if len(texts) > 10 else ""
        same = [text for text in texts if text.strip().lower() == value.strip().lower()]
        for similar in (same or close_matches(value, texts))[:1]:
            question = f"{what} Did you mean {similar!r}?"
            if explanation := correction(cell, value, similar, question, proof):
                return explanation
            for name, _ in dataframes(cell):
                statement = cell.assignment_of(name) or ""
                if statement.count(value) == 1:
                    return Explanation(question, proof, statement.replace(value, similar), RUN_FIRST)
        return correction(cell, value, texts[0], f"{what} Filter for a value that exists, for example.", proof)
    return None


def has_row(frame: Any, column: str, value: str) -> bool:
    """Return whether a row has the value, as Spark compares them."""
    from pyspark.sql import functions

    return bool(frame.where(functions.col(f"`{column}`") == functions.lit(value)).take(1))


def nearest_values(frame: Any, column: str, value: str) -> list[str]:
    """Return values of the column as texts: those in which the fewest letters differ from the value come first."""
    from pyspark.sql import functions

    text = functions.col(f"`{column}`").cast("string").alias("text")
    distance = functions.levenshtein(functions.lower("text"), functions.lower(functions.lit(value)))
    rows = frame.select(text).where("text is not null").distinct().orderBy(distance, "text").limit(MAX_VALUES)
    return [row[0] for row in rows.collect()]


def _filters(cell: FailedCell) -> Iterator[tuple[Any, Any, str, str]]:
    """Yield the equality filters of the cell: (result, rows before the filter, column, value)."""
    session = session_of(cell)
    if session is None:
        return
    for _, frame in dataframes(cell):
        plan = getattr(frame, "_plan", None)
        while plan is not None:
            if type(plan).__name__ == "Filter" and not frame.isStreaming:
                before = type(frame)(plan._child, frame.sparkSession)
                for pair in equalities(str(plan.filter)):
                    yield frame, before, *pair
            plan = getattr(plan, "_child", None)
    for _, text in sql_texts(cell, ""):
        if not is_query(text):
            continue
        tables = re.findall(r"\bfrom\s+`?([\w.]+)", text, re.IGNORECASE)
        for pair in equalities(text) if len(tables) == 1 and session.catalog.tableExists(tables[0]) else ():
            yield session.sql(text), session.table(tables[0]), *pair


def equalities(text: str) -> Iterator[tuple[str, str]]:
    """Yield the column and the value of each equality of a filter, except those after `not`."""
    for match in EQUALS.finditer(text):
        if not NEGATED.search(text[: match.start()]):
            column, value = match["call"] or match["name"], match["called"] or match["value"]
            yield column.rpartition(".")[2], value.strip("'\"")
