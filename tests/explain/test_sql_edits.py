"""Corrections of SQL that need no service: strings, comments and names in backquotes stay as they are."""

import pytest
from pyspark.errors.exceptions.connect import AnalysisException

from eventlab.explain import columns, edits, sql, sql_syntax
from eventlab.explain.columns import Unresolved
from eventlab.explain.failed_cell import FailedCell
from eventlab.settings import settings


@pytest.mark.parametrize(
    ("query", "corrected"),
    [
        ("select a from t where a > 1 && b = 'x && y'", "select a from t where a > 1 and b = 'x && y'"),
        ("select a x b from t where c = '2 x 3'", "select a * b from t where c = '2 x 3'"),
        ("select a from t group a -- in order of b", "select a from t group by a -- in order of b"),
        ("select a from t order by desc `order desc x`", "select a from t order by `order desc x` desc"),
        (
            "select a, count(*) from t order by 'group by' group by a",
            "select a, count(*) from t group by a order by 'group by'",
        ),
    ],
)
def test_only_the_code_of_a_query_is_edited(query, corrected):
    assert corrected in [text for text, _ in sql_syntax._attempts(query, 0)]


def test_a_missing_comma_after_a_string_keeps_the_string_whole():
    query = "select 'a  b' count(*) from t"

    attempts = [text for text, _ in sql_syntax._attempts(query, query.index("count"))]

    assert "select 'a  b', count(*) from t" in attempts
    assert all(text.count("'a  b'") == 1 for text in attempts)


@pytest.mark.parametrize(
    ("old", "text", "changed"),
    [
        ("price", "select price, `price`, 'price', prices from t", "select NEW, NEW, 'price', prices from t"),
        ("item.name", "select item.name, item.names, my_item.name", "select NEW, item.names, my_item.name"),
        ("a / b", "select a / b, 'a / b' -- a / b", "select NEW, 'a / b' -- a / b"),
        ("where x = 'y'", "select 1 where x = 'y'", "select 1 NEW"),
    ],
)
def test_a_part_of_a_query_is_replaced_where_it_is_code(old, text, changed):
    assert edits.replaced_in_code(edits._as_pattern(old), "NEW", text) == changed


def test_what_is_hidden_comes_back_in_another_order():
    code, shown = edits.hidden("select 'a', `b` /* c */ from d")

    assert "a" not in code.replace("select", "")
    assert shown(code) == "select 'a', `b` /* c */ from d"
    assert shown(" ".join(reversed(code.split()))) == "d from /* c */ `b` 'a', select"


def test_a_word_in_a_string_gets_no_quotes_of_its_own():
    unknown = Unresolved("shop", "shop", ["site", "note"])

    corrected = columns._with_quotes("site = shop and note = 'site = shop'", unknown, False, set())

    assert corrected == "site = 'shop' and note = 'site = shop'"


def test_only_the_string_that_spark_reports_is_corrected():
    error = ValueError(
        "Syntax error at or near 'selct'. SQLSTATE: 42601 (line 1, pos 0)\n\n"
        "== SQL ==\nselct a\n^^^\nfrom t where b = 'a'\n\nJVM stacktrace:\n\tat x"
    )
    cell = FailedCell(error, "name = 'a'\nother = 'selct a'\nspark.sql('selct a\\nfrom t where b = \\'a\\'')")

    assert list(sql_syntax.rejected(cell)) == [("selct a\nfrom t where b = 'a'", "selct", 0)]


def test_a_misspelt_table_is_corrected_and_a_column_of_that_name_stays():
    error = ValueError("[TABLE_OR_VIEW_NOT_FOUND] The table or view `price` cannot be found.")
    cell = FailedCell(error, 'paid = spark.table("price").agg(F.sum("price")).first()')

    box = sql._other_table(cell, "price", "priced", "There is none.", "priced exists")

    assert box
    assert box.remedy == 'paid = spark.table("priced").agg(F.sum("price")).first()'


class Table:
    """A DataFrame of Spark Connect, as far as an explanation looks at it."""


Table.__name__, Table.__module__ = "DataFrame", "pyspark.sql.connect.dataframe"


@pytest.mark.parametrize(
    ("earlier", "source", "remedy"),
    [
        (
            [],
            "a = spark.table('price').union(spark.table('price'))",
            'a = spark.table("priced").union(spark.table("priced"))',
        ),
        (["paid = spark.table('price')"], "paid.select('price').first()", 'paid = spark.table("priced")'),
        (["all = spark.table('price')", "paid = all.limit(3)"], "paid.select('price').first()", None),
    ],
)
def test_a_misspelt_table_of_an_earlier_cell_is_corrected_there(earlier, source, remedy):
    error = ValueError("[TABLE_OR_VIEW_NOT_FOUND] The table or view `price` cannot be found.")

    box = sql._other_table(
        FailedCell(error, source, {"paid": Table(), "In": [*earlier, ""]}), "price", "priced", "", ""
    )

    assert (box and box.remedy) == remedy


@pytest.mark.parametrize(
    ("query", "corrected"),
    [
        (
            "select player, sum(pieces) as paid from bought where paid > 1 group by player",
            "select player, sum(pieces) as paid from bought group by player having paid > 1",
        ),
        ("select player, sum(pieces) as n from bought where paid > 1 group by player", None),
        ("select player, sum(pieces) as paid from bought where player > 1 group by player", None),
    ],
)
def test_only_the_name_of_an_aggregate_moves_to_having(monkeypatch, query, corrected):
    monkeypatch.setattr(edits, "is_accepted", lambda cell, text: True)
    error = AnalysisException(
        "", errorClass="UNRESOLVED_COLUMN.WITH_SUGGESTION", messageParameters={"objectName": "`paid`"}
    )

    box = sql.aggregate_in_where(FailedCell(error, f"spark.sql('{query}')"), settings)

    assert (box and box.remedy) == (corrected and f"spark.sql('{corrected}')")
