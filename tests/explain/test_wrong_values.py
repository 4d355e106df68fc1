"""A DataFrame in the place of a path, and errors of Spark with their parameters, as the server sends them."""

from types import SimpleNamespace

import pytest
from pyspark.errors.exceptions.connect import AnalysisException
from pyspark.sql import Row
from pyspark.sql.connect import functions
from pyspark.sql.connect.dataframe import DataFrame
from pyspark.sql.connect.plan import Range
from pyspark.sql.connect.readwriter import DataFrameReader
from pyspark.sql.connect.session import SparkSession

from eventlab.explain import fields, loops, values, writer
from eventlab.explain.failed_cell import FailedCell
from eventlab.settings import settings
from tests.explain.test_python import box_of, failed


class Session:
    """A session without a server."""

    read = DataFrameReader(None)  # type: ignore[arg-type]
    table = SparkSession.table


BOUGHT = DataFrame(Range(0, 3, 1, 1), Session())  # type: ignore[arg-type]


def error_of(condition, **parameters):
    """Return an error as Spark Connect reports it."""
    return AnalysisException(f"[{condition}]", errorClass=condition, messageParameters=parameters)


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("spark.read.parquet(bought).count()", "bought.count()"),
        ("spark.read.option('a', 1).load(bought).count()", "bought.count()"),
        ("x = spark.table(bought)", "x = bought"),
    ],
)
def test_a_dataframe_is_no_path_and_no_name(source, line):
    box = box_of(writer, failed(source, spark=Session(), bought=BOUGHT))

    assert box
    assert box.what.startswith("bought is a DataFrame already.")
    assert box.remedy == line


def test_a_dataframe_of_several_columns_is_no_text_of_csv():
    error = error_of("DATAFRAME_INPUT_NOT_SINGLE_COLUMN", numColumns="5")
    source = "spark.read.option('header', True).csv(bought).count()"

    assert box_of(writer, FailedCell(error, source, {"bought": BOUGHT})).remedy == "bought.count()"


@pytest.mark.parametrize(
    "source", ["assert spark.read is None", "assert not len([bought])", "spark.read.parquet(*[bought])"]
)
def test_another_assertion_is_none_about_a_path(source):
    assert writer.frame_for_a_path(failed(source, spark=Session(), bought=BOUGHT), settings) is None


STRUCT = {"requiredType": '("ARRAY" or "MAP")', "inputSql": '"item"', "sqlExpr": '"explode(item)"'}


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("bought.select('player', F.explode('item')).show()", "bought.select('player', \"item.*\").show()"),
        ("bought.select(f.explode(bought.item).alias('x'))", 'bought.select("item.*")'),
        ("bought.withColumn('x', F.explode('item'))", None),
        ("bought.select(F.explode('tags'), F.explode('item'))", "bought.select(F.explode('tags'), \"item.*\")"),
        ("bought.select(F.explode('items'))", None),
    ],
)
def test_a_column_with_fields_is_no_list(source, line):
    kind = '"STRUCT<name: STRING, price: INT>"'
    error = error_of("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE", inputType=kind, **STRUCT)

    box = fields.column_is_no_list(FailedCell(error, source), settings)

    assert (box and box.remedy) == line
    if box:
        assert "its fields are name, price" in box.proof


class Tagged(DataFrame):
    """A DataFrame with a column of strings."""

    def __init__(self, value):
        """Set the value of the column in all rows."""
        super().__init__(Range(0, 3, 1, 1), Session())  # type: ignore[arg-type]
        self.value = value

    columns = ("item", "player")  # type: ignore[assignment]

    def where(self, condition):
        """Return the DataFrame."""
        return self

    select = where  # type: ignore[assignment]

    def first(self):
        """Return a row."""
        return Row(item=self.value)


Tagged.__name__, Tagged.__module__ = "DataFrame", DataFrame.__module__


@pytest.mark.parametrize(
    ("value", "call", "corrected"),
    [
        ('["a", "b"]', "F.explode('item')", "F.explode(F.from_json('item', \"array<string>\"))"),
        ("a, b", "F.explode(F.col('item'))", "F.explode(F.split(F.col('item'), \", \"))"),
        ("a,b", "F.posexplode(bought.item)", 'F.posexplode(F.split(bought.item, ","))'),
        ("sword", "F.explode('item')", None),
        ("a,b", "F.explode('items')", None),
    ],
)
def test_a_string_becomes_a_list_before_its_elements_become_rows(value, call, corrected):
    function = call.partition("(")[0].removeprefix("F.")
    error = error_of(
        "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE",
        inputType='"STRING"',
        **STRUCT | {"sqlExpr": f'"{function}(item)"'},
    )
    cell = FailedCell(error, f"bought.select('player', {call})", {"bought": Tagged(value), "F": functions})

    box = fields.column_is_no_list(cell, settings)

    assert (box and box.remedy) == (corrected and f"bought.select('player', {corrected})")


IMPORT = "from pyspark.sql import functions as F; "


@pytest.mark.parametrize(
    ("imported", "line"),
    [
        (("explode", "split"), "bought.select(explode(split('item', \",\")))"),
        (("explode",), f"{IMPORT}bought.select(explode(F.split('item', \",\")))"),
    ],
)
def test_a_function_that_is_imported_by_name_is_called_by_its_name(imported, line):
    error = error_of(
        "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE",
        inputType='"STRING"',
        **STRUCT,
    )
    variables = {name: getattr(functions, name) for name in imported} | {"bought": Tagged("a,b")}

    box = fields.column_is_no_list(FailedCell(error, "bought.select(explode('item'))", variables), settings)

    assert box
    assert box.remedy == line


@pytest.mark.parametrize(
    ("variables", "line"),
    [
        ({}, f"{IMPORT}bought.select(F.try_divide(bought.id, bought.n))"),
        ({"try_divide": functions.try_divide}, "bought.select(try_divide(bought.id, bought.n))"),
        ({"F": 3}, None),
    ],
)
def test_a_division_by_zero_gives_null_with_sparks_function(monkeypatch, variables, line):
    session = SimpleNamespace(conf={"spark.sql.ansi.enabled": "true"})
    monkeypatch.setattr(values, "session_of", lambda cell: session)
    cell = FailedCell(error_of("DIVIDE_BY_ZERO"), "bought.select(bought.id / bought.n)", variables)

    box = values.division_by_zero(cell, settings)

    assert (box and box.remedy) == line


def shout(text):
    """Return the text in capital letters."""
    return text.upper()


@pytest.mark.parametrize(("name", "registered"), [("shout", True), ("col", False), ("sum_of", False)])
def test_sql_learns_a_function_of_the_notebook_and_none_of_pyspark(name, registered):
    error = error_of("UNRESOLVED_ROUTINE", routineName=f"`{name}`")
    cell = FailedCell(error, f"spark.sql('select {name}(x) from t')", {"shout": shout, "col": functions.col})

    box = values.unknown_function(cell, settings)

    assert (box is not None and box.remedy == 'spark.udf.register("shout", shout)') is registered


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("for row in bought:\n    print(row)", "for row in bought.collect():"),
        ("for row in bought.collect():\n    print(row)", None),
        ("for name in bought.columns:\n    print(name)", None),
        ("for row in rows:\n    print(row)", None),
    ],
)
def test_a_loop_over_a_dataframe_shows_columns(source, line):
    cell = FailedCell(None, source, {"bought": BOUGHT, "rows": [1]})

    box = loops.loop_shows_columns(cell, settings)

    assert (box and box.remedy) == line
