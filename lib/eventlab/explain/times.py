"""Explains times that are strings or numbers: `window` and `withWatermark` need a column of type TIMESTAMP."""

import ast
import contextlib
import re
from datetime import datetime
from typing import Any

from eventlab.explain.edits import end_of, python_correction, source_of
from eventlab.explain.explanation import Explain, Explanation
from eventlab.explain.failed_cell import FailedCell
from eventlab.explain.fields import sample_of
from eventlab.explain.owners import column_name
from eventlab.explain.session import spark_function
from eventlab.explain.syntax_trees import called_name
from eventlab.settings import Settings

WINDOWS = ("window", "session_window")
READABLE = ("STRING", "DATE", "TIMESTAMP_NTZ")
"""Types that a cast reads as a time. A number may count seconds or milliseconds, so it is not among them."""
FIRST_MILLISECOND = 10**11
"""A larger number counts milliseconds: in seconds, it would be a time after the year 5000."""
TIMES = range(10**8, 10**14)
"""Numbers that count seconds or milliseconds since 1970. A smaller one is an hour or a price, for example."""


def watermark_of_another_type(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that `withWatermark` needs a column of type TIMESTAMP, and the type of the column is STRING or DATE.

    Remedy: The line that casts the column first.
    """
    parameters = cell.conditions.get("EVENT_TIME_IS_NOT_ON_TIMESTAMP_TYPE", {})
    name, kind = parameters.get("eventName", "").strip("`"), parameters.get("eventType", "").strip('"')
    column = spark_function(cell, "col")
    if not name.isidentifier() or kind not in READABLE or not column:
        return None
    calls = [call for call in cell.calls("withWatermark") if call.args and cell.text_of(call.args[0]) == name]
    if len(calls) != 1 or not isinstance(calls[0].func, ast.Attribute):
        return None
    what = f"withWatermark needs a column of type TIMESTAMP, and the type of {name} is {kind}. "
    what += "cast() reads times such as 2026-09-21 14:13:22."
    method = end_of(calls[0].func, ".withWatermark")  # in a chain of several lines, its line
    code = f'.withColumn("{name}", {column}("{name}").cast("timestamp")){method.id}'
    return python_correction(cell, method, code, what, f"Spark reports the type {kind} for {name}")


def window_of_another_type(cell: FailedCell, settings: Settings) -> Explanation | None:
    """Explain that `window` needs times, and the column contains numbers or strings.

    Remedy: The line that makes times of the numbers or strings.
    """
    call = _window(cell)
    if call is None:
        return None
    name, col = column_name(cell, call.args[0]), spark_function(cell, "col")
    reported = cell.conditions.get("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE", {}).get("inputSql", name)
    if str(reported).strip('"').rpartition(".")[2] != name:
        return None
    value: Any = sample_of(cell, name) if name and col else None
    code = source_of(cell, call.args[0])
    code = f"{col}({code})" if isinstance(call.args[0], ast.Constant) else code
    what, proof = f"{called_name(call)}() needs times", f"the first value of {name} is {value!r}"
    if _is_number(value):
        unit = "milliseconds" if float(value) >= FIRST_MILLISECOND else "seconds"
        function = spark_function(cell, "timestamp_millis" if unit == "milliseconds" else "timestamp_seconds")
        new = f"{function}({code})" if isinstance(value, int) else f'{function}({code}.cast("bigint"))'
        what += f", and {name} contains numbers of {unit} since 1970."
        return python_correction(cell, call.args[0], new, what, proof) if function else None
    if isinstance(value, str) and _is_time(value):
        what += (
            f", and {name} contains strings. try_cast makes times of them, and NULL of a string that is no time."
        )
        return python_correction(cell, call.args[0], f'{code}.try_cast("timestamp")', what, proof)
    return None


def _is_number(value: Any) -> bool:
    """Return whether a value is a number, or a string of digits, that can count the time since 1970."""
    is_number = isinstance(value, int | float) or (isinstance(value, str) and re.fullmatch(r"\d+", value))
    return bool(is_number) and TIMES.start <= float(value) < TIMES.stop


def _window(cell: FailedCell) -> ast.Call | None:
    """Return the call of `window` whose column Spark cannot use as a time, or None for another error."""
    mismatch = cell.conditions.get("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE", {}).get("sqlExpr", "").strip('"')
    cast = cell.conditions.get("CAST_INVALID_INPUT", {}).get("targetType", "").strip('"')
    is_cast = cast == "TIMESTAMP" and not any(cell.calls("cast", "astype", "to_timestamp"))
    if not is_cast and not mismatch.startswith(tuple(f"{name}(" for name in WINDOWS)):
        return None
    calls = [call for call in cell.calls(*WINDOWS) if call.args]
    return calls[0] if len(calls) == 1 else None


def _is_time(text: str) -> bool:
    """Return whether Spark casts a string to a time."""
    with contextlib.suppress(ValueError):
        return bool(re.match(r"\d{4}-\d\d-\d\d", text) and datetime.fromisoformat(text.strip()))
    return False


EXPLANATIONS: list[Explain] = [watermark_of_another_type, window_of_another_type]
