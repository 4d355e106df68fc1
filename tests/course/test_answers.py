"""An answer becomes a simple value, and a wrong one is described, with the way to a number or a string."""

from decimal import Decimal

import numpy
import pandas
import pytest
from pyspark.sql import Row, SparkSession
from pyspark.sql.connect.functions import col

from eventlab import course
from eventlab.course import answers


@pytest.mark.parametrize(
    "answer",
    [
        *(10, "10", ["10"], " 10\n", 10.0, Decimal(10), Row(count=10), [Row(count=10)]),
        *(numpy.int64(10), pandas.Series([10.0]).sum()),
    ],
    ids=repr,
)
def test_a_number_in_another_form_is_the_same_answer(answer):
    assert answers.same(answers.plain(answer), 10)


def test_a_text_with_a_capital_is_the_same_answer():
    assert answers.same(answers.plain(" Potion "), "potion")
    assert not answers.same("potions", "potion")


def test_messages_of_kafkacat_and_empty_lines_are_no_part_of_an_answer():
    assert answers.plain(["% Reached end of topic events [0] at offset 10: exiting", "10", ""]) == 10


@pytest.mark.parametrize(("answer", "expected"), [(True, 1), (False, 0)])
def test_true_and_false_are_no_numbers(answer, expected):
    assert not answers.same(answers.plain(answer), expected)
    assert answers.description(answer) == f"Your answer is {answer}."


@pytest.mark.parametrize(
    ("answer", "kind", "advice"),
    [
        (pandas.DataFrame({"item": ["potion", "sword"]}), "DataFrame", "in pandas: .iloc[0, 0]"),
        (pandas.Series(["potion", "sword"]), "Series", ".iloc[0] is its first value"),
        (
            numpy.array(["potion", "sword"]),
            "ndarray",
            "Take one of its values, as in answer[0], or count them with len(answer)",
        ),
        (Row(item="potion", revenue=3), "Row", "Take one of its fields"),
        ([Row(item="potion", revenue=3)], "Row", "Take one of its fields"),
        (col("item"), "Column", "select it, then take first()[0]"),
        ("".join, "builtin_function_or_method", "Add () to call it"),
        (pandas.NA, "NAType", "Assign a number or a string"),
        (object(), "object", "Assign a number or a string"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_that_is_no_answer_is_named_with_the_way_to_one(answer, kind, advice):
    value = answers.plain(answer)

    assert not answers.same(value, "potion")
    described = answers.description(value)
    assert described.startswith(f"Your answer is a {kind}, not a number or a string. ")
    assert advice in described


@pytest.mark.parametrize(
    ("answer", "description"),
    [
        (20, "Your answer is 20."),
        ("sword", "Your answer is 'sword'."),
        (
            (0, 4),
            "Your answer has 2 values, not one: [0, 4]. Take one of its values, as in answer[0], or count them "
            "with len(answer).",
        ),
        ([], "Your answer has 0 values, not one: []."),
        (None, "Your answer is None. A function that shows or prints a value, such as show(), returns None."),
    ],
    ids=repr,
)
def test_a_wrong_answer_is_described(answer, description):
    assert answers.description(answers.plain(answer)) == description


def test_a_long_answer_is_cut():
    assert answers.description("x" * 100) == f"Your answer is '{'x' * 69}...."


def test_a_dataframe_of_spark_and_a_call_without_its_brackets_are_no_answers(stack, capsys):
    course.connect()
    frame = SparkSession.builder.getOrCreate().range(10)

    def printed(name, answer):
        course.check(name, answer)
        return capsys.readouterr().out

    assert "Your answer is a DataFrame" in printed("05-1", frame)
    assert "Your answer is a DataFrame" in printed("08-1", frame.selectExpr("id as item"))
    assert "Your answer is a method" in printed("05-1", frame.count)
    assert "correct" in printed("05-1", frame.count())


def test_without_an_answer_the_check_says_so(capsys):
    course.check("05-1", ...)

    assert "no answer yet" in capsys.readouterr().out
