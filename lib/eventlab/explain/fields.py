"""Explains fields of a column that is a text or bytes, so that it has none: `item.name`."""

import ast
import re
from typing import Any

from eventlab.explain.columns import sources
from eventlab.explain.edits import is_in_sql, python_correction, sql_correction, sql_texts
from eventlab.explain.explanation import Explain, Explanation
from eventlab.explain.expressions import functions_variable
from eventlab.explain.failed_cell import FailedCell
from eventlab.settings import Settings


def field_of_a_text(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that a column is a text or bytes, so it has no fields: JSON that is not parsed, or a plain text.

    Remedy: The line with `get_json_object`, or with the column itself.
    """
    parameters = cell.conditions.get("INVALID_EXTRACT_BASE_FIELD_TYPE", {})
    column, kind = parameters.get("base", "").strip('"').rpartition(".")[2], parameters.get("other", "").strip('"')
    path = next((path for path in _paths(cell, column)), None) if kind in ("STRING", "BINARY") else None
    if not column or path is None:
        return None
    field = path.rpartition(".")[2]
    sample = _sample(cell, column)
    if sample is None and kind == "STRING":
        return None
    text = sample.decode(errors="replace") if isinstance(sample, bytes | bytearray) else str(sample or "{")
    proof = f"Spark reports the type {kind} for {column}"
    proof += f"; its first value is {text[:80]!r}" if sample else ""
    if not text.lstrip().startswith("{"):
        what = f"The column {column} has no field {field!r}: it is a text. Its values are no JSON."
        return _replaced(cell, path, column, column, what, proof)
    what = f"The column {column} contains JSON that is not parsed, so it has no field {field!r} yet. "
    what += "get_json_object takes one field out of such a text, and from_json makes columns of all."
    in_sql = column if kind == "STRING" else f"cast({column} as string)"
    sql = f"get_json_object({in_sql}, '$.{field}')"
    prefix = functions_variable(cell)
    text_column = f'"{column}"' if kind == "STRING" else f'{prefix}.col("{column}").cast("string")'
    python = f'{prefix}.get_json_object({text_column}, "$.{field}")' if prefix else None
    return _replaced(cell, path, sql, python, what, proof)


def _paths(cell: FailedCell, column: str) -> list[str]:
    """Return the paths in the cell's texts that begin with a column: `item.name`."""
    pattern = rf"(?<![\w.`'])((?:\w+\.)?`?{re.escape(column)}`?\.\w+)"
    return [path for _, text in cell.strings() for path in re.findall(pattern, text)]


def _sample(cell: FailedCell, column: str) -> Any:
    """Return the first value of a column of the cell's DataFrames and tables, or None."""
    for frame in sources(cell):
        if column in frame.columns:
            row = frame.where(f"`{column}` is not null").select(f"`{column}`").first()
            return row[0] if row else None
    return None


def _replaced(
    cell: FailedCell, path: str, sql: str, python: str | None, what: str, proof: str
) -> Explanation | None:
    """Explain with the line that has other code for a path, in SQL or as the argument of a method."""
    if is_in_sql(cell) and any(text != path for _, text in sql_texts(cell, path)):
        return sql_correction(cell, path, sql, what, proof)
    nodes = [node for node in ast.walk(cell.tree) if isinstance(node, ast.Constant) and node.value == path]
    if len(nodes) != 1 or python is None:
        return None
    outer = next((call for call in cell.calls("col", "column") if nodes[0] in call.args), None)
    if python == sql:  # the column's name
        return python_correction(cell, nodes[0], f'"{python}"', what, proof)
    return python_correction(cell, outer or nodes[0], python, what, proof)


EXPLANATIONS: list[Explain] = [field_of_a_text]
