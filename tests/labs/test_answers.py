"""Answers of every library become plain data, and what is no data is an error at once."""

import json
from collections import Counter, namedtuple
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyspark.sql import Row

from eventlab.labs.answers import AnswerError, plain

Pair = namedtuple("Pair", "host coins")
ROWS = [{"host": "a", "coins": 1}, {"host": "b", "coins": 2}]


@dataclass
class Sold:
    item: str
    coins: int


ACCEPTED = {
    "int": (3, 3),
    "bool": (True, True),
    "none": (None, None),
    "float": (0.5, 0.5),
    "whole decimal": (Decimal("120"), 120),
    "decimal": (Decimal("0.67"), 0.67),
    "fraction": (Fraction(1, 2), 0.5),
    "large int": (10**20, 10**20),
    "numpy int": (np.int64(3), 3),
    "numpy float": (np.float32(0.5), 0.5),
    "numpy bool": (np.bool_(True), True),
    "numpy text": (np.str_("a"), "a"),
    "nan": (float("nan"), None),
    "numpy nan": (np.float64("nan"), None),
    "decimal nan": (Decimal("NaN"), None),
    "pandas NA": (pd.NA, None),
    "pandas NaT": (pd.NaT, None),
    "numpy NaT": (np.datetime64("NaT"), None),
    "date": (date(2025, 1, 1), "2025-01-01"),
    "time": (datetime(2025, 1, 1, 10), "2025-01-01T10:00:00"),
    "pandas time": (pd.Timestamp("2025-01-01"), "2025-01-01T00:00:00"),
    "numpy date": (np.datetime64("2025-01-01"), "2025-01-01"),
    "tuple": ((1, "a"), [1, "a"]),
    "set": ({"b", "a"}, ["a", "b"]),
    "range": (range(3), [0, 1, 2]),
    "generator": ((n for n in (1, 2)), [1, 2]),
    "items": ({"a": 1}.items(), [["a", 1]]),
    "values": ({"a": 1}.values(), [1]),
    "counter": (Counter("aab"), {"a": 2, "b": 1}),
    "number as key": ({1: 2}, {"1": 2}),
    "array": (np.array([[1, 2]]), [[1, 2]]),
    "spark rows": ([Row(host="a", coins=1)], ROWS[:1]),
    "one spark row": (Row(host="a", coins=Decimal("1")), ROWS[0]),
    "named tuple": ([Pair("a", 1)], ROWS[:1]),
    "dataclass": (Sold("bow", 80), {"item": "bow", "coins": 80}),
    "frame": (pd.DataFrame(ROWS), ROWS),
    "sorted frame": (pd.DataFrame(ROWS).sort_values("coins", ascending=False), ROWS[::-1]),
    "frame with an index": (pd.DataFrame(ROWS).set_index("host"), ROWS),
    "frame with a gap": (pd.DataFrame({"a": [1, None]}), [{"a": 1}, {"a": None}]),
    "series by name": (pd.Series(["a", "b", "a"], name="host").value_counts(), {"a": 2, "b": 1}),
    "series by text": (pd.Series({"a": 1}), {"a": 1}),
    "series of values": (pd.Series([3, 1]).sort_values(), [1, 3]),
    "arrow table": (pa.table({"host": ["a", "b"], "coins": [1, 2]}), ROWS),
}
REFUSED = {
    "bytes": (b"a", "decode"),
    "object": (object(), "a object"),
    "class": (int, "a type"),
    "duration": (timedelta(minutes=1), "duration"),
    "pandas duration": (pd.Timedelta(minutes=1), "duration"),
    "infinite": (float("inf"), "infinite"),
    "huge decimal": (Decimal("1e400"), "infinite"),
    "huge int": (10**400, "too large"),
    "key of two values": ({(1, 2): 3}, "key"),
    "too many": (range(50_001), "more than 50,000"),
    "inside a list": ([{"a": b"x"}], "decode"),
}


@pytest.mark.parametrize(("value", "expected"), ACCEPTED.values(), ids=ACCEPTED)
def test_data_of_any_library_is_an_answer(value, expected):
    assert json.loads(json.dumps(plain(value), allow_nan=False)) == expected


@pytest.mark.parametrize(("value", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_data_is_an_error_that_names_it(value, message):
    with pytest.raises(AnswerError, match=message):
        plain(value)


def test_a_notebook_shows_a_refused_answer_without_a_traceback():
    with pytest.raises(AnswerError) as refused:
        plain(b"knife")

    (shown,) = refused.value._render_traceback_()
    assert shown.startswith("AnswerError: the answer contains bytes")


def test_a_list_that_contains_itself_is_an_error():
    endless: list[object] = []
    endless.append(endless)

    with pytest.raises(AnswerError, match="contains itself"):
        plain(endless)
