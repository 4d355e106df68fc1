"""Explains rows whose fields come in different orders: Spark puts their values into wrong columns.

A list of Rows becomes a DataFrame by position, and `Row(**event)` keeps the order of the event's keys (Spark 2
sorted them). Events with the same keys in another order get wrong columns, often without an error. So a cell
without an error is examined too, if it creates a DataFrame from a list in a variable.
"""

import ast
import re
from collections.abc import Iterator, Sequence
from typing import Any

from eventlab.explain.explanation import REPLACE_LINE, RUN_FIRST, Explain, Explanation
from eventlab.explain.failed_cell import FailedCell
from eventlab.explain.syntax_trees import owner_of
from eventlab.settings import Settings

ROW_MISMATCHES = (
    "AXIS_LENGTH_MISMATCH",
    "STRUCT_ARRAY_LENGTH_MISMATCH",
    "LENGTH_SHOULD_BE_THE_SAME",
    "CANNOT_MERGE_TYPE",
)
ROW_OF_DICT = r"Row\(\s*\*\*\s*(\w+)\s*\)"
METHODS = ("createDataFrame", "toDF", "parallelize")
MAX_ROWS = 100_000


def rows_by_position(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that the rows of a DataFrame do not all have their fields in the same order.

    Remedy: A line that passes dictionaries, which Spark reads by name.
    """
    failed = cell.error is not None
    if failed and not cell.has_condition(*ROW_MISMATCHES) and not cell.matches(r"pyarrow\.lib\.Arrow", r"Row"):
        return None
    for name, rows in _row_lists(cell):
        first = _fields(rows[0])
        number = next((number for number, row in enumerate(rows[:MAX_ROWS]) if _fields(row) != first), None)
        if number is None:
            continue
        fields = _fields(rows[number])
        same_fields = set(fields) == set(first)
        line, instruction = _correction_by_name(cell, name)
        if line is None or not (failed or same_fields):
            continue  # without an error, Spark accepts dictionaries with different keys
        problem = "have their fields in different orders" if same_fields else "do not all have the same fields"
        proof = f"row 0 of {name} is ({', '.join(first)}), row {number} is ({', '.join(fields)})"
        if not failed:
            proof += _wrong_value(first, rows[number])
        return Explanation(f"Rows become columns by position, but these rows {problem}.", proof, line, instruction)
    return None


def _row_lists(cell: FailedCell) -> Iterator[tuple[str, Sequence[Any]]]:
    """Yield the lists of Rows, or of dictionaries for `Row(**...)`, from which the cell creates DataFrames."""
    arguments = (argument for call in cell.calls(*METHODS) if owner_of(call) for argument in call.args)
    rows = (argument for argument in arguments if "asDict" not in ast.unparse(argument))  # no dictionaries
    nodes = (node for argument in rows for node in ast.walk(argument))
    for name in sorted({node.id for node in nodes if isinstance(node, ast.Name)}):
        value = cell.namespace.get(name)
        if not isinstance(value, list) or len(value) < 2:
            continue
        are_dicts = all(isinstance(row, dict) for row in value[:MAX_ROWS])
        if _are_rows(value) or (are_dicts and re.search(ROW_OF_DICT, cell.source)):
            yield name, value


def _correction_by_name(cell: FailedCell, name: str) -> tuple[str | None, str]:
    """Return a line that passes dictionaries, which Spark reads by name, and its instruction."""
    if _are_rows(cell.namespace[name]):
        return f"{name} = [row.asDict() for row in {name}]", RUN_FIRST
    line = re.sub(ROW_OF_DICT, r"\1", cell.only_line(ROW_OF_DICT))
    return line or None, REPLACE_LINE


def _wrong_value(columns: tuple[str, ...], row: Any) -> str:
    """Return a phrase about the row's first value that is in a wrong column."""
    values = row.values() if isinstance(row, dict) else row
    for column, field, value in zip(columns, _fields(row), values, strict=False):
        if column != field:
            return f": its {value!r} is in the column {column}"
    return ""


def _are_rows(value: Sequence[Any]) -> bool:
    return all(type(row).__name__ == "Row" and hasattr(row, "__fields__") for row in value[:MAX_ROWS])


def _fields(row: Any) -> tuple[str, ...]:
    return tuple(map(str, row if isinstance(row, dict) else row.__fields__))


EXPLANATIONS: list[Explain] = [rows_by_position]
