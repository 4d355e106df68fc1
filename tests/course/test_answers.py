"""An answer becomes a simple value, and a wrong one is described in plain words."""

from decimal import Decimal

import numpy
import pandas
import pytest
from pyspark.sql import Row

from eventlab.course import answers


@pytest.mark.parametrize(
    "answer",
    [10, "10", ["10"], " 10\n", numpy.int64(10), 10.0, Decimal(10), Row(count=10), [Row(count=10)]],
    ids=repr,
)
def test_a_number_in_another_form_is_the_same_answer(answer):
    assert answers.same(answers.plain(answer), 10)


def test_messages_of_kafkacat_and_empty_lines_are_no_part_of_an_answer():
    assert answers.plain(["% Reached end of topic events [0] at offset 10: exiting", "10", ""]) == 10


class ColumnLike:
    """Like Spark's Column: comparing gives another column, and a column is neither true nor false."""

    item = property(lambda self: self)

    def __eq__(self, other):
        return self

    def __hash__(self):
        return 0

    def __bool__(self):
        raise ValueError("cannot convert the column into bool")


@pytest.mark.parametrize("answer", [ColumnLike(), pandas.DataFrame({"a": [1, 2]}), pandas.Series([1, 2]), print])
def test_an_object_that_is_no_value_is_a_wrong_answer_and_no_error(answer):
    assert not answers.same(answers.plain(answer), 10)
    assert answers.description(answer) == f"Your answer is a {type(answer).__name__}, not a number or a text."


@pytest.mark.parametrize(
    ("answer", "description"),
    [
        (20, "Your answer is 20."),
        ("sword", "Your answer is 'sword'."),
        ((0, 4), "Your answer has 2 values, not one: (0, 4)."),
        ([], "Your answer has 0 values, not one: []."),
        (None, "Your answer is None. A function that shows or prints a value, such as show(), returns None."),
    ],
)
def test_a_wrong_answer_is_described(answer, description):
    assert answers.description(answers.plain(answer)) == description


def test_a_long_answer_is_cut():
    assert answers.description("x" * 100) == f"Your answer is '{'x' * 69}...."
