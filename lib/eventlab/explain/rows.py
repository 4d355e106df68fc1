"""Rows whose fields come in different orders: Spark makes columns by position, with or without an error.

`Row(**event)` keeps the order of the event's keys (up to Spark 2 it sorted them), and a list of Rows becomes a
DataFrame by position. Events with the same keys in another order land in the wrong columns, and nothing is raised.
So a cell that ended well is looked at too, when it makes a DataFrame from a list of Rows: only of rows that are in
a variable of the notebook, and do differ in their order, something is said.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import Any

from eventlab.explain.explanation import INSTEAD, Explain, Explanation
from eventlab.explain.failure import Failure

UNLIKE = ("AXIS_LENGTH_MISMATCH", "STRUCT_ARRAY_LENGTH_MISMATCH", "LENGTH_SHOULD_BE_THE_SAME", "CANNOT_MERGE_TYPE")
MAKERS = ("createDataFrame", "toDF", "parallelize")
MOST_ROWS = 100_000


def rows_by_position(failure: Failure, settings: Any) -> Explanation | None:
    """A DataFrame is made from rows whose fields are not all in the first one's order."""
    if failure.error is not None and not failure.has(*UNLIKE) and not failure.says(r"pyarrow\.lib\.Arrow", r"Row"):
        return None
    for name, used in _lists(failure):
        first = _fields(used[0])
        for number, row in enumerate(used[:MOST_ROWS]):
            fields = _fields(row)
            if fields == first:
                continue
            mended, where = _by_name(failure, name)
            if mended is None:
                break
            proof = f"row 0 of {name} is ({', '.join(first)}), row {number} is ({', '.join(fields)})"
            values = list(row.values() if isinstance(row, dict) else row)
            wrong = [
                (column, value)
                for column, field, value in zip(first, fields, values, strict=False)
                if column != field
            ]
            if failure.error is None and wrong:
                proof += f": its {wrong[0][1]!r} is in the column {wrong[0][0]}"
            same = set(fields) == set(first)
            what = "Rows become columns by position, and these have their fields in different orders."
            if not same:
                what = "Rows become columns by position, and these do not all have the same fields."
            if failure.error is None and not same:
                break  # dictionaries of different keys are fine, and Rows of different lengths are refused
            return Explanation(what, proof, mended, where)
    return None


def _lists(failure: Failure) -> Iterator[tuple[str, Sequence[Any]]]:
    """The lists that the cell makes rows of: of Rows, or of dictionaries that it gives to `Row(**...)`."""
    calls = [node for node in ast.walk(failure.tree) if isinstance(node, ast.Call)]
    makes = [node for node in calls if isinstance(node.func, ast.Attribute) and node.func.attr in MAKERS]
    given = {
        each.id for node in makes for part in node.args for each in ast.walk(part) if isinstance(each, ast.Name)
    }
    for name in sorted(given):
        value = failure.names.get(name)
        if not isinstance(value, list) or len(value) < 2:
            continue
        if _are_rows(value) or (_are_dicts(value) and re.search(r"Row\(\s*\*\*", failure.source)):
            yield name, value


def _by_name(failure: Failure, name: str) -> tuple[str | None, str]:
    """The line with which the columns go by name: Spark reads dictionaries so."""
    if _are_rows(failure.names[name]):
        return f"{name} = [row.asDict() for row in {name}]", ""
    lines = [line for line in failure.source.split("\n") if re.search(r"Row\(\s*\*\*", line)]
    if len(lines) != 1:
        return None, ""
    return re.sub(r"Row\(\s*\*\*\s*(\w+)\s*\)", r"\1", lines[0].strip()), INSTEAD


def _are_rows(value: Sequence[Any]) -> bool:
    return all(type(row).__name__ == "Row" and hasattr(row, "__fields__") for row in value[:MOST_ROWS])


def _are_dicts(value: Sequence[Any]) -> bool:
    return all(isinstance(row, dict) for row in value[:MOST_ROWS])


def _fields(row: Any) -> tuple[str, ...]:
    return tuple(map(str, row if isinstance(row, dict) else row.__fields__))


EXPLANATIONS: list[Explain] = [rows_by_position]
