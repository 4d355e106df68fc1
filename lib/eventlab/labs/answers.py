"""Answers of a notebook as JSON: numbers, text, lists and dicts, whatever library computed them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from eventlab.errors import EventlabError

MAX_VALUES = 50_000
"""Values or rows of one list; more do not fit into an answer."""


class AnswerError(EventlabError):
    """A value cannot be declared as an answer; the message says why and what to declare instead."""


def plain(value: Any) -> Any:
    """Return a value as JSON data.

    Accepted are numbers of any library, text, dates and times (as ISO text), None, missing values of pandas and
    numpy (as None), dicts, lists, tuples, sets (sorted), iterators, rows and DataFrames of Spark, pandas'
    Series and DataFrames, Arrow and Polars tables, and numpy arrays.

    Raises:
        AnswerError: The value is of another type, for example bytes or a column expression.
    """
    try:
        return _plain(value)
    except RecursionError as error:
        raise AnswerError("the answer contains itself: declare a list or dict without such a reference") from error
    except OverflowError as error:
        raise AnswerError(f"the answer contains a number that is too large: {error}") from error


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | str):
        return str(value) if isinstance(value, str) else value
    if isinstance(value, bytes | bytearray | memoryview):
        raise AnswerError("the answer contains bytes: decode them, for example value.decode()")
    if isinstance(value, timedelta) or type(value).__name__ == "timedelta64":
        raise AnswerError(
            "the answer contains a duration: declare a number, for example value / timedelta(minutes=1)"
        )
    if (known := _of_library(value)) is not value:
        return _plain(known)
    if isinstance(value, int | float | Decimal | Fraction):
        return _number(value)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {_key(key): _plain(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((_plain(item) for item in value), key=lambda item: (type(item).__name__, repr(item)))
    if isinstance(value, Iterable) and not isinstance(value, type):
        return _list(value)
    raise AnswerError(
        f"the answer contains a {type(value).__name__}, which is not data: "
        "declare numbers, text, dates, lists, dicts, rows or a DataFrame"
    )


def _number(value: Any) -> int | float | None:
    """Return a Python number; None for NaN, which means that a value is missing."""
    number = float(value)
    if math.isnan(number):
        return None
    if math.isinf(number):
        raise AnswerError("the answer contains an infinite number")
    exact = isinstance(value, int) or (not isinstance(value, float) and value == int(value))
    return int(value) if exact else number


def _list(values: Iterable[Any]) -> list[Any]:
    found: list[Any] = []
    try:
        for item in values:
            if len(found) == MAX_VALUES:
                raise AnswerError(f"the answer has more than {MAX_VALUES:,} values")
            found.append(_plain(item))
    except (AnswerError, RecursionError, OverflowError):
        raise
    except Exception as error:
        raise AnswerError(
            f"the answer is a {type(values).__name__}, whose values cannot be read: {error}"
        ) from error
    return found


def _key(key: Any) -> str:
    """Return a key as text, because the keys of JSON are text."""
    key = _plain(key)
    if isinstance(key, list | dict):
        raise AnswerError("a key of the answer is not one value: declare a list of rows instead")
    return str(key)


def _of_library(value: Any) -> Any:
    """Return the Python value of a library's object, or the same object when it is none of a known library."""
    library, kind = type(value).__module__.partition(".")[0], type(value).__name__
    if library == "pyspark" and kind == "Column":
        raise AnswerError("the answer contains a Spark column, which has no values: declare dataframe.collect()")
    if kind in ("NaTType", "NAType"):
        return None
    if kind == "datetime64":
        return None if str(value) == "NaT" else str(value)
    if kind == "DataFrame":
        return _rows(value)
    if kind == "Series":
        return _series(value)
    for name in ("asDict", "_asdict", "to_pylist", "tolist"):  # Spark's Row, namedtuple, Arrow, numpy
        if callable(method := getattr(value, name, None)) and not isinstance(value, type):
            return method()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return value


def _rows(frame: Any) -> Any:
    """Return the rows of a DataFrame of Spark, Polars or pandas as dicts; a named index of pandas is a column."""
    module = type(frame).__module__
    if module.startswith("pyspark.sql"):  # its attributes are columns, so it seems to have every method
        return frame.limit(MAX_VALUES + 1).collect()
    if module.startswith("pyspark.pandas"):
        frame = frame.to_pandas()
    if module.startswith("polars"):
        return frame.to_dicts()
    if any(name is not None for name in frame.index.names):
        frame = frame.reset_index()
    return frame.to_dict("records")


def _series(series: Any) -> Any:
    """Return a Series as a dict by its index; as a list when its index only numbers the values."""
    index = getattr(series, "index", None)
    if index is None or (index.name is None and index.dtype.kind in "iu"):
        return list(series)
    return series.to_dict()
