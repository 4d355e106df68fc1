"""What a learner assigns as an answer becomes a number or a text, or a sentence that says how to get one."""

import re

import numpy
import pandas
import pytest
from pyspark.sql import Row, SparkSession
from pyspark.sql.connect.functions import col

from eventlab import course


def printed(capsys, name, answer):
    """Run a check and return what it prints."""
    course.check(name, answer)
    return capsys.readouterr().out


@pytest.mark.parametrize("answer", [10, "10", ["10"], " 10\n", numpy.int64(10), pandas.Series([10.0]).sum()])
def test_the_output_of_a_command_and_a_number_of_numpy_or_pandas_are_right_answers(capsys, answer):
    assert printed(capsys, "04-1", answer) == "Exercise 4.1: correct.\n"


@pytest.mark.parametrize(
    ("answer", "kind", "advice"),
    [
        (pandas.DataFrame({"item": ["potion"]}), "DataFrame", "in pandas: .iloc[0, 0]"),
        (pandas.Series(["potion"]), "Series", ".iloc[0] is its first value"),
        (numpy.array(["potion", "sword"]), "ndarray", "several values or none"),
        (Row(item="potion", revenue=3), "Row", "Take one of its fields"),
        ([Row(item="potion", revenue=3)], "Row", "Take one of its fields"),
        (["potion", "sword"], "list", "several values or none"),
        ((0, 4), "tuple", "as in answer[0]"),
        (col("item"), "Column", "select it, then take first()[0]"),
        ("".join, "builtin_function_or_method", "Add () to call it"),
        (pandas.NA, "NAType", "Assign a number or a text"),
        (object(), "object", "Assign a number or a text"),
    ],
)
@pytest.mark.parametrize("name", ["05-1", "08-1", "09-1"])
def test_a_value_that_is_no_answer_is_named_with_the_way_to_one(capsys, name, answer, kind, advice):
    output = printed(capsys, name, answer)

    assert re.fullmatch(rf"Exercise \d\.1: not yet\. This is a {kind}, not a number or a text\. .+\n", output)
    assert advice in output


def test_a_dataframe_of_spark_and_a_call_without_its_brackets_are_no_answers(stack, capsys):
    course.connect()
    frame = SparkSession.builder.getOrCreate().range(10)

    assert "This is a DataFrame" in printed(capsys, "05-1", frame)
    assert "This is a DataFrame" in printed(capsys, "08-1", frame.selectExpr("id as item"))
    assert "This is a method" in printed(capsys, "05-1", frame.count)
    assert "This is a Row" in printed(capsys, "06-2", frame.first())
    assert "correct" in printed(capsys, "05-1", frame.count())


@pytest.mark.parametrize("answer", [..., None])
def test_without_an_answer_the_check_says_so(capsys, answer):
    assert "no answer yet" in printed(capsys, "05-1", answer)
