"""Mistakes in Spark SQL and in queries of DataFrames: the box names the cause, and its remedy fixes the cell."""

import re

import pytest

from eventlab.clients import kafka
from tests.explain.conftest import CONNECT, SPARK
from tests.explain.sql_mistakes import MISTAKES

pytestmark = pytest.mark.services

TABLES = """
rows = [("curl", "user1", 1, 2.0, "2020"), ("ab", "user2", 2, 0.0, "late")]
spark.createDataFrame(rows, ["User-Agent", "Host", "id", "price", "year"]).createOrReplaceTempView("visits")
visits = spark.table("visits")
players = spark.createDataFrame([(1, "user1")], ["number", "Host"])
players.createOrReplaceTempView("players")
spark.range(3).write.mode("overwrite").parquet("/tmp/exists")
bought = spark.createDataFrame(
    [("ada", 2, "a.com", ("sword", 3), ["steel"])],
    "player string, pieces int, site string, item struct<name: string, price: int>, tags array<string>",
)
bought.createOrReplaceTempView("bought")
bought.write.mode("overwrite").parquet("/tmp/bought")
site = "a.com"
spark.sql("select player, item.name as item, item.price, pieces from bought").createOrReplaceTempView("sales")
"""


@pytest.fixture(scope="module")
def tables(notebook, broken):
    """Create the tables of the tests; return the notebook."""
    kafka.create_topic(broken.bootstrap_servers, "clicks")
    notebook.assert_runs("!echo '{\"n\": 1}' | kafkacat -P -t clicks")
    notebook.assert_runs(TABLES)
    return notebook


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_cell_runs_with_the_line_of_the_box(tables, mistake):
    cell, what = MISTAKES[mistake]

    box = tables.assert_fails(cell)

    assert what in box["what"]
    tables.assert_fixed(cell, box)


def test_an_ambiguous_column_of_another_join_gets_no_join_by_name(tables):
    tables.assert_runs("hosts = spark.createDataFrame([('user1', 'user1')], ['Host', 'name'])")

    box = tables.run("visits.join(hosts, visits.Host == hosts.name).select('Host').collect()")

    assert tables.reply["status"] == "error"
    assert box is None


def test_a_word_of_a_text_is_no_field(tables):
    box = tables.assert_fails("""spark.sql("select price from bought where site = 'best price'").collect()""")

    assert "select item.price from bought where site = 'best price'" in box["remedy"]


def test_a_number_is_compared_with_no_text(tables):
    box = tables.run("spark.sql('select * from bought where pieces = many').collect()")

    assert box["what"] == "There is no column 'many'."


def test_a_cast_to_a_text_is_not_the_cast_that_failed(tables):
    box = tables.run("visits.select(F.col('id').cast('string'), F.col('year') > 5).collect()")

    assert "F.col('year').try_cast('bigint') > 5" in box["remedy"]


INNOCENT = {
    "a sign that calculates": 'bought.where("pieces & 1 = 1 and array_contains(tags, 3)").count()',
    "a table in the folder of others": "spark.sql(\"create table t using parquet location '/tmp' as select 1\")",
    "an empty list besides a topic": "read('clicks')\n[][0]",
}


@pytest.mark.parametrize("name", INNOCENT)
def test_a_cell_that_only_looks_like_a_mistake_gets_no_box(tables, name):
    tables.assert_runs("bought.schema")  # a filter of Spark Connect takes it over

    assert tables.run(INNOCENT[name]) is None
    assert tables.reply["status"] == "error"


def test_the_unknown_topic_is_the_one_that_the_cell_reads(tables):
    box = tables.assert_fails("group = 'clicks2'\nread('nowhere').count()")

    assert box["what"] == "There is no topic 'nowhere'."


def test_a_statement_that_creates_a_table_is_not_executed_to_check_it(tables):
    box = tables.run("spark.sql('create table made as select Host, count(*) as n from visits')")

    assert tables.reply["status"] == "error"
    assert box is None or "accepts" not in box["proof"]
    tables.assert_runs("spark.catalog.tableExists('made')")
    assert tables.value == "False"


def test_a_view_that_was_dropped_or_only_named_in_a_comment_is_of_no_earlier_session(tables):
    tables.assert_runs(
        "# one.createOrReplaceTempView('pencils')\nspark.range(1).createOrReplaceTempView('crayons')"
    )
    tables.assert_runs("spark.catalog.dropTempView('crayons')")
    for name in ("pencils", "crayons"):
        box = tables.assert_fails(f"spark.sql('select * from {name}').count()")

        assert "earlier Spark session" not in box["what"], name
        assert box["remedy"] == "spark.catalog.listTables()"


def test_the_traceback_is_short_and_the_jvm_is_behind_a_fold(tables):
    tables.assert_fails("visits.select('Hots').count()")

    traceback = "\n".join(tables.reply["traceback"])
    assert "A column, variable, or function parameter with name `Hots` cannot be resolved" in traceback
    assert "site-packages" not in traceback
    assert "org.apache" not in traceback
    assert len(traceback) < 1500
    assert "DataFrameQueryContextLogger" not in tables.printed
    folds = [output["content"]["data"].get("text/html", "") for output in tables.of_type("display_data")]
    assert any("<details>" in html and "org.apache.spark.sql" in html for html in folds)


def test_an_error_in_a_learners_function_shows_both_of_its_lines(tables):
    tables.assert_runs("def hosts(frame):\n    return frame.select('Hots').count()")

    tables.assert_fails("hosts(visits)")

    traceback = "\n".join(tables.reply["traceback"])
    assert "in hosts" in re.sub(r"\x1b\[[\d;]*m", "", traceback)


def test_a_column_without_a_similar_name_lists_the_columns(tables):
    box = tables.assert_fails("visits.select('nothing_like_it').count()")

    assert "columns that exist: " in box["proof"]
    assert "Host" in box["proof"]
    assert box["remedy"] == "visits.columns"


def test_a_view_and_a_dataframe_of_an_earlier_session_are_created_again(tables):
    tables.assert_runs("numbers = spark.range(5)\nsmall = numbers.where('id < 3')")
    tables.assert_runs("rows = spark.range(2)\nspark.range(7).createOrReplaceTempView('sevens')")
    tables.assert_runs("spark.stop()\nspark = SparkSession.builder.getOrCreate()")

    cell = "small.count()"
    box = tables.assert_fails(cell)
    assert "The DataFrame 'small' belongs to a Spark session that has ended" in box["what"]
    tables.assert_fixed(cell, box)

    cell = "rows.join(spark.range(3), 'id').count()"
    box = tables.assert_fails(cell)
    assert "The DataFrame 'rows'" in box["what"]
    tables.assert_fixed(cell, box)

    cell = "spark.sql('select * from sevens').count()"
    box = tables.assert_fails(cell)
    assert "'sevens' belongs to an earlier Spark session" in box["what"]
    assert "after it, a cell ran: spark.stop()" in box["proof"]
    tables.assert_fixed(cell, box)

    box = tables.assert_fails("spark.table('nowhere_to_be_seen').count()")
    assert "A temporary view exists only in the session that created it" in box["what"]


@pytest.fixture(scope="module")
def without_session(broken, open_notebook):
    """Return a notebook that never had a Spark session."""
    return open_notebook(broken, f"{CONNECT}\n%unload_ext eventlab\n%load_ext eventlab")


def test_a_udf_without_a_session_is_explained(without_session):
    cell = (
        "from pyspark.sql.functions import udf\n\n@udf('boolean')\ndef is_sword(text):\n    return 'sword' in text"
    )

    box = without_session.assert_fails(cell)

    assert "there is no session yet" in box["what"]
    assert "getActiveSession() is None" in box["proof"]
    without_session.assert_fixed(cell, box)


def test_rdd_code_on_spark_connect_gets_a_spark_that_has_rdds(without_session, broken):
    without_session.assert_runs(SPARK)
    cell = "spark.range(8).rdd.getNumPartitions() > 0"

    box = without_session.assert_fails(cell)

    assert box["what"].startswith("`rdd` belongs to RDDs")
    assert broken.spark_remote in box["proof"]
    without_session.assert_fixed(cell, box)
    assert without_session.value == "True"
