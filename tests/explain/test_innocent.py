"""Cells that look like a mistake and have another reason, or none. No service is needed."""

import itertools
import json
from datetime import datetime
from typing import Any

import httpx
import pandas
import pytest
from pyspark.errors.exceptions.connect import AnalysisException
from pyspark.sql import Row
from pyspark.sql.connect import functions

from eventlab.explain import (
    arguments,
    braces,
    calls,
    hdfs,
    json_values,
    kafka_client,
    machine,
    names,
    rows,
    session,
    spark_connect,
    sql_syntax,
    values,
)
from eventlab.explain.explanation import correction
from eventlab.explain.failed_cell import FailedCell
from eventlab.explain.registry import explanations, first_confirmed
from eventlab.settings import settings
from tests.explain.test_python import box_of, failed

MIXED = [Row(a=1, b=2), Row(b=3, a=4)]
EVENTS = [{"a": 1, "b": 2}, {"b": 3, "a": 4}]


@pytest.mark.parametrize(
    ("source", "explained"),
    [
        ("spark.createDataFrame(MIXED)  # Row(", True),
        ("spark.createDataFrame([Row(**event) for event in EVENTS])", True),
        ("spark.createDataFrame([row.asDict() for row in MIXED])  # Row(", False),
        ("spark.createDataFrame([Row(**dict(sorted(event.items()))) for event in EVENTS])", False),
    ],
)
def test_rows_that_are_passed_by_name_or_in_order_are_right(source, explained):
    cell = FailedCell(None, source, {"MIXED": MIXED, "EVENTS": EVENTS})

    assert (rows.rows_by_position(cell, settings) is not None) is explained


def test_no_code_of_the_notebook_runs_for_a_box():
    asked = []

    class Proxy:
        """An object of a notebook that asks a service for each attribute."""

        def __getattr__(self, name):
            asked.append(name)

    first_confirmed(explanations(), failed("json.loads(proxy)", json=json, proxy=Proxy()), settings)

    assert asked == []


def test_a_key_that_an_earlier_cell_names_may_be_a_variable():
    assert box_of(arguments, failed("{host: 1}", In=["host = 3\ndel host", ""])) is None


@pytest.mark.parametrize(
    ("earlier", "source"),
    [
        ('print("total")', "print(total)"),
        ('event.get("url")', "httpx.get(url)"),
        ('total = 1\ndel total\nsend("total")', "send(total)"),
        ("def visit(host): return {'Host': host}", "{host: 1}"),
    ],
)
def test_a_variable_that_is_not_set_yet_is_no_text_without_quotes(earlier, source):
    cell = failed(source, send=send, httpx=httpx, In=[earlier, ""])

    assert isinstance(cell.error, NameError)
    assert box_of(arguments, cell) is None


def test_the_key_of_a_dictionary_is_not_the_column_of_a_dataframe():
    bought = pandas.DataFrame({"player": ["ada"]})

    assert box_of(arguments, failed("total[player] = 1", total={}, bought=bought)) is None


def test_a_query_with_a_name_is_no_view():
    earlier = "writer = frame.writeStream.queryName('knives').format('parquet')"

    assert box_of(names, failed("knives.stop()", In=[earlier, ""])) is None


def test_only_a_string_that_spark_reports_is_a_schema(monkeypatch):
    accepted = itertools.cycle([False, True])
    monkeypatch.setattr(sql_syntax, "session_of", lambda cell: object())
    monkeypatch.setattr(sql_syntax, "has_schema", lambda create: next(accepted))
    error = AnalysisException("near 'player strng'", errorClass="PARSE_SYNTAX_ERROR", messageParameters={})
    boxes = []
    for source in ("print('all dates')", "schema('player strng')"):
        boxes.append(sql_syntax.wrong_schema(FailedCell(error, source), settings))

    assert [box and box.remedy for box in boxes] == [None, "schema('player string')"]


@pytest.mark.parametrize(
    ("near", "source", "remedy"),
    [
        ("-", "named('User-Agent string')", "named('`User-Agent` string')"),
        ("str", "named('n:int, id:str')", "named('n:int, id:string')"),
        ("str", "named('all dates')", None),
        ("-", "named('all dates')", None),
    ],
)
def test_a_string_with_the_word_that_spark_reports_is_a_schema(monkeypatch, near, source, remedy):
    accepted = itertools.cycle([False, True])
    monkeypatch.setattr(sql_syntax, "session_of", lambda cell: object())
    monkeypatch.setattr(sql_syntax, "has_schema", lambda create: next(accepted))
    text = f"[PARSE_SYNTAX_ERROR] Syntax error at or near '{near}'. SQLSTATE: 42601"
    error = AnalysisException(text, errorClass="PARSE_SYNTAX_ERROR", messageParameters={})

    box = sql_syntax.wrong_schema(FailedCell(error, source), settings)

    assert (box and box.remedy) == remedy


def test_braces_of_another_program_are_no_variable():
    source = "!kafkacat -C -t events -e | jq '.item | {name}'"

    assert braces.unset_in_braces(FailedCell(None, source, exit_code=0), settings) is None


def send(topic, value):
    """Refuse a value as kafka-python does."""
    raise TypeError(f"Unsupported type for serialized value: {type(value)} of {topic}")


@pytest.mark.parametrize(("value", "is_json"), [("{'n': 1}", True), ("{'at': now}", False)])
def test_a_value_with_a_time_is_not_json(value, is_json):
    cell = failed(f"send('t', {value})", send=send, now=datetime(2020, 1, 1))

    assert kafka_client._is_json(cell, "value") is is_json


def test_a_method_that_is_called_on_its_class_lacks_no_argument():
    assert box_of(calls, failed("Sale.price()", Sale=type("Sale", (), {"price": lambda self: 3}))) is None


@pytest.mark.parametrize(
    ("source", "of_spark"), [("sc.parallelize([1])", True), ("sc.fit(3)", False), ("sc", False)]
)
def test_a_variable_sc_without_sparks_methods_is_not_sparks_context(source, of_spark):
    assert spark_connect._uses_context(failed(source)) is of_spark


def test_a_file_that_pandas_does_not_find_is_not_one_of_hdfs():
    cell = failed("pandas.read_json('/tmp/no_such_file.json')", pandas=pandas)

    assert "File /tmp/no_such_file.json does not exist" in cell.text
    assert hdfs.path_missing(cell, settings) is None


@pytest.mark.parametrize(
    ("statement", "assignment"),
    [
        ("x = 2", "x = 2"),
        ("x: int = 2", "x: int = 2"),
        ("for x in range(3): pass", None),
        ("x, y = 1, 2", None),
        ("if True:\n    x = 3", None),
        ("y = [x for x in range(3)]", "x = 1"),
        ("def f():\n    x = 3", "x = 1"),
        ("x.y = 3", "x = 1"),
    ],
)
def test_the_last_statement_that_sets_a_variable_counts(statement, assignment):
    assert FailedCell(None, "", {"In": ["x = 1", statement, ""]}).assignment_of("x") == assignment


def other_module():
    """Return a function of another module, which has a variable `topic` of its own."""
    names: dict[str, Any] = {"topic": "theirs"}
    exec("def read(): return topic", names)
    return names["read"]


@pytest.mark.parametrize(
    ("text", "remedy"),
    [('{"n": 1}', "json.loads(answer.text)['n']"), ("Sword Purchased!", None)],
)
def test_a_string_has_no_method_json(text, remedy):
    answer = httpx.Response(200, text=text)
    box = first_confirmed(explanations(), failed("answer.text.json()['n']", answer=answer, json=json), settings)

    assert (box and box.remedy) == remedy


def test_a_variable_with_the_name_of_a_module_is_not_the_module():
    cell = failed("text.json()", text="[1]", json=[1])

    assert box_of(json_values, cell).remedy == "__import__('json').loads(text)"


def test_what_the_last_cell_showed_is_no_variable_for_a_remedy():
    assert session.functions_variable(FailedCell(None, "", {"_": functions, "F": functions})) == "F"


@pytest.mark.parametrize(
    "source",
    [
        "!jq '{title}' /none",
        "!topic = events",
        "%%bash\nprintf -v name %s x\necho $name\nfalse",
        "!cat hdfs/kafkacat",
    ],
)
def test_a_failed_command_that_uses_nothing_of_the_notebook_gets_no_box(source):
    cell = FailedCell(None, source, {"name": "x"}, exit_code=127, failed=[])

    assert first_confirmed(explanations(), cell, settings) is None


def test_a_variable_that_the_cell_needs_is_not_deleted_for_its_memory():
    error, variables = (
        MemoryError("Unable to allocate 1.00 MiB"),
        {"large": bytes(2**27), "other": bytes(2**26 + 1)},
    )

    box = machine.memory_exhausted(FailedCell(error, "large * 2", variables), settings)
    alone = machine.memory_exhausted(FailedCell(error, "large + other", variables), settings)

    assert box
    assert box.remedy == "del other"
    assert alone is None


def test_a_longer_name_with_a_dash_is_another_name():
    cell = FailedCell(None, "KafkaConsumer('evnets', group_id='evnets-readers')")

    assert cell.corrected_line("evnets", "events") == "KafkaConsumer('events', group_id='evnets-readers')"
    assert cell.corrected_line("evnets-readers", "readers") == "KafkaConsumer('evnets', group_id='readers')"


def test_the_call_that_reads_the_bytes_is_corrected_and_not_another_one():
    error = AnalysisException(
        "[DATATYPE_MISMATCH]",
        errorClass="DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE",
        messageParameters={
            "inputType": '"BINARY"',
            "inputSql": '"value"',
            "requiredType": '"STRING"',
            "sqlExpr": '"from_json(value)"',
        },
    )
    source = "a = F.from_json(F.col('value').cast('string'), 'n int')\nb = F.from_json(F.col('value'), 'n int')"

    box = values.binary_is_no_text(FailedCell(error, source), settings)

    assert box
    assert box.remedy == "b = F.from_json(F.col('value').cast(\"string\"), 'n int')"


def test_a_variable_that_the_cell_sets_itself_is_not_set_before_it():
    cell = FailedCell(None, "topic = name.lower()\nread(topic)", {"topic": "evnets", "name": "EVNETS"})

    assert correction(cell, "evnets", "events", "", "") is None
    assert correction(FailedCell(None, "read(topic)", cell.namespace), "evnets", "events", "", "")


def test_a_variable_of_another_module_is_not_that_of_the_notebook():
    cell = FailedCell(None, "read()", {"read": other_module(), "topic": "ours"})

    assert set(cell.variables) == {"read"}
