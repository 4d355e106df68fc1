"""Wrong calls and conditions of Python: real errors of pyspark and kafka-python, and the line of the box."""

import json
from types import SimpleNamespace
from typing import Any

import httpx
import numpy
import pytest
from pyspark.sql import Row

from eventlab.explain import kafka, sql_syntax, values, why
from eventlab.explain.explanation import REPLACE_LINE, RUN_FIRST
from eventlab.explain.failed_cell import FailedCell
from eventlab.explain.registry import explanations, first_confirmed
from eventlab.settings import settings
from tests.explain.call_mistakes import MISTAKES, OTHER_ERRORS
from tests.explain.notebook_variables import Session, Stored, Table, names
from tests.explain.test_python import failed

IMPORT = "from pyspark.sql import functions as F; "


def box_of(cell) -> Any:
    """Return the first explanation that is confirmed, of all."""
    return first_confirmed(explanations(), cell, settings)


@pytest.mark.parametrize(("source", "line"), MISTAKES)
def test_a_wrong_call_is_corrected(source, line):
    box = box_of(failed(source, **names()))

    assert box
    assert box.remedy == line


def test_a_condition_becomes_a_text_where_the_functions_are_not_imported():
    cell = failed("n = table().where(player == 'ada').count()", sold=Table(), table=lambda: Table())

    box = box_of(cell)

    assert box.remedy == """n = table().where("player = 'ada'").count()"""


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("sold.explode('tags').show()", "sold.select(explode('tags')).show()"),
        ("n = sold.select('player'.cast('int'))", "n = sold.select(col('player').cast('int'))"),
        ("if n:\n    sold.select(sold.item.trim())", f"{IMPORT}sold.select(F.trim(sold.item))"),
        ("sold['n'] = n", f"{IMPORT}sold = sold.withColumn('n', F.lit(n))"),
        ("sold.agg(\n    sold.item.trim()\n)", f"{IMPORT[:-2]}\nsold.agg(\n    F.trim(sold.item)\n)"),
        ("for n in (sold.item.trim(),): pass", f"{IMPORT[:-2]}\nfor n in (F.trim(sold.item),): pass"),
        ("%%time\nsold.agg(\n    sold.item.trim()\n)", None),  # the magic stays in the first line
    ],
)
def test_a_function_of_spark_is_imported_where_the_notebook_has_none(source, line):
    functions = {name: names()[name] for name in ("col",)} | {"explode": names()["F"].explode}

    box = box_of(failed(source, sold=Table(), n=3, **functions))

    assert (box and box.remedy) == line


@pytest.mark.parametrize(
    ("before", "variables"), [("", {"F": 3}), ("F = 3\n", {}), ("for F in range(3): pass\n", {})]
)
def test_a_variable_of_the_notebook_is_not_replaced_by_an_import(before, variables):
    assert box_of(failed(f"{before}sold.select(sold.item.trim())", sold=Table(), **variables)) is None


def test_a_box_names_a_function_as_the_notebook_does():
    box = box_of(failed("sold.select(sum(sold.pieces))", sold=Table(), fn=names()["F"]))

    assert "Spark's function is fn.sum()." in box.what
    assert box.remedy == "sold.select(fn.sum(sold.pieces))"


def test_a_field_of_a_list_of_rows_is_read_from_its_first_row():
    rows = [Row(owned=1)]

    assert box_of(failed('n = rows["owned"]', rows=rows)).remedy == 'n = rows[0]["owned"]'
    sold = SimpleNamespace(take=lambda count: rows)
    assert box_of(failed('n = sold.take(1)["owned"]', sold=sold)).remedy == 'n = sold.take(1)[0]["owned"]'
    assert box_of(failed('n = take(rows)["owned"]', take=list, rows=rows)) is None
    assert box_of(failed('n = [1]["owned"]')) is None


def test_a_row_without_a_similar_field_names_one_that_exists():
    box = box_of(failed("row['revenue']", row=Row(total=3)))

    assert box.remedy == '["total"]'
    assert box.proof == "its fields are total"


def test_a_variable_with_a_method_gets_its_result():
    cell = failed("session.read", session=names()["spark"].sql)
    cell.namespace["In"] = ["session = spark.sql", "session.read"]

    assert box_of(cell).remedy == "session = spark.sql()"


@pytest.mark.parametrize(
    ("statement", "corrected"),
    [("top = sold.show()", "top = sold"), ("top = sold.distinct", "top = sold.distinct()")],
)
def test_a_statement_of_the_same_cell_is_replaced_there(statement, corrected):
    source, variables = f"{statement}\ntop.collect()", names()
    exec(statement, variables)
    here = box_of(FailedCell(failed(source, **names()).error, source, variables))
    cell = failed("top.collect()", **variables)
    cell.namespace["In"] = [statement, cell.source]
    earlier = box_of(cell)

    assert (here.instruction, here.remedy) == (REPLACE_LINE, corrected)
    assert (earlier.instruction, earlier.remedy) == (RUN_FIRST, corrected)


@pytest.mark.parametrize("statement", ["top = json.dumps", "top = sold.select"])
def test_a_function_and_a_method_that_needs_columns_are_not_called_without_arguments(statement):
    variables = names()
    exec(statement, variables)

    cell = failed("top.columns", **variables)
    cell.namespace["In"] = [statement, cell.source]

    assert box_of(cell) is None


def test_a_method_in_a_calculation_is_called():
    source, variables = "n = sold.count\nn + 1", names()
    exec("n = sold.count", variables)

    box = box_of(FailedCell(failed(source, **names()).error, source, variables))

    assert box.remedy == "n = sold.count()"


def test_an_answer_that_an_earlier_cell_names_may_be_a_variable():
    cell = failed("best = total\ncourse.check('08-1', best)", In=["total = 3\ndel total", ""])

    assert box_of(cell) is None


def test_the_box_takes_no_message_from_a_consumer():
    consumer = iter([b"{}", b"no json", b'{"n": 1}'])

    box = box_of(failed("[json.loads(value) for value in consumer]", json=json, consumer=consumer))

    assert box.remedy == '[json.loads(value) for value in consumer if value.lstrip()[:1] in ("{", b"{")]'
    assert list(consumer) == [b'{"n": 1}']


def test_a_misspelt_variable_asks_spark_for_no_columns():
    asked = []

    class Asked(Table):
        @property
        def columns(self):  # type: ignore[override]
            """Return the columns, as Spark does when it is asked."""
            asked.append("columns")
            return ["player"]

    Asked.__name__, Asked.__module__ = "DataFrame", Table.__module__

    assert box_of(failed("print(evens)", events=3, sold=Asked())).remedy == "print(events)"
    assert asked == []
    assert (
        box_of(failed("table().groupby(player)", table=Table, sold=Asked())).remedy == 'table().groupby("player")'
    )
    assert asked


@pytest.mark.parametrize(
    "source",
    [
        "rows.sort(player)",
        "sold.columns.sort(player)",
        "sold.collect().sort(player)",
        "', '.join(player)",
        "os.path.join('a', player)",
        "sorted(rows).sort(player)",
        "unknown().sort(player)",  # it is not known what a function returns
        "', '.join('player' * 'pieces')",
        "group.join('player'.cast('string'))",
        "', '.join(max('pieces') - 1)",
        "list(filter(item, rows))",
        "numpy.where(pieces > 3, 1, 0)",
        "shop.select(player)",
        "select(player)",
    ],
)
def test_a_list_a_string_and_an_object_of_another_class_have_no_columns(source):
    others = {"unknown": lambda: [1], "select": list, "shop": SimpleNamespace(select=list), "numpy": numpy}

    assert box_of(failed(source, **names(), **others)) is None


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("sold.sort(player)", 'sold.sort(sold["player"])'),
        ("shops['a'].orderBy(player)", """shops['a'].orderBy("player")"""),
        ("unknown().groupby(player)", 'unknown().groupby("player")'),
    ],
)
def test_a_column_gets_quotes_where_the_owner_can_be_a_dataframe(source, line):
    variables = {"sold": Table(), "shops": {"a": Table()}, "unknown": lambda: Table()}

    assert box_of(failed(source, **variables)).remedy == line


def test_an_answer_may_be_no_text():
    box = box_of(failed("revenue = total\ncourse.check('08-1', revenue)"))

    assert box.what.endswith("If your answer is a string, it needs quotes.")


def test_a_variable_with_the_name_of_a_function_is_deleted():
    box = box_of(failed("list(rows)", **names(), list=[1]))

    assert box.what == "list is a function of Python. Your variable list has replaced it."
    assert box.remedy == "del list"


def test_a_field_of_no_row_has_another_box_with_why():
    cell = failed("nothing.first()['item']", **names())

    assert box_of(cell).remedy == "%why"
    assert why.explain(cell, settings).remedy != "%why"


def test_only_the_producer_that_is_closed_is_created_again():
    producer = type("KafkaProducer", (SimpleNamespace,), {})
    closed, still_open = producer(_closed=True), producer(_closed=False)
    variables = {"a": still_open, "b": closed, "In": ["a = KafkaProducer(1)\nb = KafkaProducer(2)", ""]}
    error = RuntimeError("KafkaProducer already closed!")

    box = kafka.producer_closed(FailedCell(error, "a.flush()\nb.send()", variables), settings)
    assert box
    assert box.what.startswith("b ")
    here = "b = KafkaProducer(2)\nb.close()\nb.send()"
    assert kafka.producer_closed(FailedCell(error, here, variables), settings) is None


def test_an_answer_that_is_no_json_has_a_text():
    answer = httpx.Response(200, text="Sword Purchased!\n", request=httpx.Request("GET", "http://a/"))

    box = box_of(failed("answer.json()", answer=answer))

    assert box.remedy == "answer.text"


@pytest.mark.parametrize("source", OTHER_ERRORS)
def test_a_call_that_is_wrong_for_another_reason_gets_no_line(source):
    box = box_of(failed(source, **names()))

    assert box is None or box.remedy.startswith("help(")


def test_a_comma_is_proposed_in_a_query_and_not_in_a_condition():
    query = [text for text, _ in sql_syntax._attempts("select Host count(*) from a", 17)]
    condition = [text for text, _ in sql_syntax._attempts("Host is 'a.com'", 8)]

    assert "select Host, count(*) from a" in query
    assert not any("," in text for text in condition)


@pytest.mark.parametrize(
    ("source", "path", "is_read"),
    [
        ("spark.read.parquet('/tmp/bought').write.parquet('/tmp/bought')", "/tmp/bought", True),
        ("spark.read.json('hdfs://localhost:1/tmp/bought/').write.json(path)", "/tmp/bought", True),
        ("spark.read.json(folder()).write.json(path)", "/tmp/bought", None),
        ("bought.where('a = 1').write.parquet('/tmp/bought')", "/tmp/bought", True),
        ("spark.table('bought').write.parquet('/tmp/bought')", "/tmp/bought", True),
        ("spark.sql('select * from bought').write.parquet('/tmp/bought')", "/tmp/bought", True),
        ("spark.sql(query()).write.parquet('/tmp/bought')", "/tmp/bought", None),
        ("day().write.parquet('/tmp/bought')", "/tmp/bought", None),
        ("bought.write.parquet('/tmp/bou')", "/tmp/bou", False),
        ("spark.range(3).write.parquet('/tmp/bought')", "/tmp/bought", False),
    ],
)
def test_a_folder_that_the_cell_reads_or_may_read_is_not_overwritten(source, path, is_read):
    class WithView(Session):
        def table(self, name):
            """Return the view."""
            return Stored()

        sql = table

    WithView.__module__ = Session.__module__
    spark = WithView()
    spark.client = SimpleNamespace(is_closed=False)  # type: ignore[assignment]

    assert (
        values.reads(FailedCell(None, source, {"bought": Stored(), "spark": spark, "day": names}), path) is is_read
    )
