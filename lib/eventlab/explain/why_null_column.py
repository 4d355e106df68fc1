"""Explains a column that is NULL in every row, because the messages have another name for the field (`%why`)."""

import ast
import json
import re
from collections.abc import Iterator
from typing import Any

from eventlab.explain.explanation import RUN_FIRST, Explanation
from eventlab.explain.failed_cell import FailedCell, close_matches, plans
from eventlab.explain.query_program import program_of
from eventlab.explain.session import dataframes, is_dataframe

MESSAGES = 20
"""Messages in which the field is searched."""


def null_column(cell: FailedCell, frame: Any, path: str, view: str | None) -> Explanation | None:
    """Explain that all rows have NULL in a column: names in JSON have upper and lower case, those of Spark do not.

    Args:
        cell: The cell with the filter.
        frame: The rows before the filter.
        path: The column, or a field in it.
        view: The view whose rows these are, or None.
    """
    name = path.rpartition(".")[2]
    for variable, made in _made_of_json(cell, frame):
        for text, fields in _messages(made):
            same = [key for key in fields if key.lower() == name.lower()]
            similar = next(iter(same or close_matches(name, fields)), name)
            if name in fields or similar == name:
                continue
            what = f"All rows have NULL in {path}: the messages have a field {similar}, and none {name}. In JSON, "
            what += "names have upper and lower case. A comparison with NULL keeps no row."
            proof = f"{path} is not null in 0 rows; one message is {text[:120]}"
            if program := _renamed(cell, variable, name, similar):
                again = f"\n{variable}.createOrReplaceTempView({view!r})" if view else ""
                return Explanation(what, proof, program + again, RUN_FIRST)
            instruction = f"Write {similar} for {name} in the schema of from_json. To see the other columns, run"
            return Explanation(what, proof, f"{variable}.show(3)", instruction)
    return None


def _made_of_json(cell: FailedCell, frame: Any) -> Iterator[tuple[str, Any]]:
    """Yield the DataFrames of the notebook with the frame's columns: those with the fewest filters come first."""
    columns = frame.columns
    named = [*dataframes(cell), *reversed(list(cell.namespace.items()))]
    frames = [(name, value) for name, value in named if is_dataframe(value) and not name.startswith("_")]
    for name, value in sorted(frames, key=lambda pair: _number_of_filters(pair[1])):
        if not value.isStreaming and value.columns == columns:
            yield name, value


def _number_of_filters(frame: Any) -> int:
    return sum(type(plan).__name__ == "Filter" for plan in plans(frame))


def _messages(frame: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the first JSON objects in the column `value` from which the DataFrame was made: (text, object)."""
    for plan in plans(frame):
        source = type(frame)(plan, frame.sparkSession)
        if "value" in source.columns:
            for row in source.selectExpr("cast(value as string) as value").limit(MESSAGES).collect():
                try:
                    fields = json.loads(row.value)
                except (TypeError, ValueError):
                    continue
                if isinstance(fields, dict):
                    yield row.value, fields
            return


def _renamed(cell: FailedCell, variable: str, name: str, new: str) -> str | None:
    """Return the statements that create a DataFrame, with another name in their strings; None without the name."""
    program = program_of(cell, variable)
    word = re.compile(rf"(?<![\w.]){re.escape(name)}(?!\w)")
    used = FailedCell(None, program, cell.namespace)
    changed = [f"{key} = {word.sub(new, text)!r}" for key, text in used.strings() if key and word.search(text)]
    nodes = [node for node in ast.walk(used.tree) if isinstance(node, ast.Constant)]
    for text in {node.value for node in nodes if isinstance(node.value, str) and word.search(node.value)}:
        if program.count(text) != 1:
            return None
        program = program.replace(text, word.sub(new, text))
        changed.append("")
    return "\n".join([*filter(None, changed), program]) if changed else None
