"""Mistakes in Spark SQL and in queries of DataFrames: the box names the cause, and its remedy fixes the cell."""

import re

import pytest

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
"""


@pytest.fixture(scope="module")
def tables(notebook):
    """Create the tables of the tests; return the notebook."""
    notebook.assert_runs("!kafka-topics --create --topic clicks\n!echo '{\"n\": 1}' | kafkacat -P -t clicks")
    notebook.assert_runs(TABLES)
    return notebook


MISTAKES = {
    "a misspelt view": ("spark.sql('select * from visit').count()", "Did you mean 'visits'?"),
    "a misspelt view in the API": ("spark.table('visit').count()", "Did you mean 'visits'?"),
    "a misspelt column": ("spark.sql('select Hots from visits').count()", "Did you mean 'Host'?"),
    "a misspelt column in the API": ("visits.select('Hots').count()", "Did you mean 'Host'?"),
    "a misspelt attribute": ("visits.where(visits.Hots == 'user1').count()", "Did you mean 'Host'?"),
    "an underscore for a dash": ("visits.groupBy('user_agent').count().collect()", "Did you mean 'User-Agent'?"),
    "an underscore for a dash in SQL": (
        "spark.sql('select user_agent from visits').count()",
        "Did you mean 'User-Agent'?",
    ),
    "no GROUP BY": (
        'spark.sql("""\n  select Host, year, count(*) as n\n  from visits\n  order by n""").collect()',
        "does not group by Host, year",
    ),
    "an incomplete GROUP BY": (
        "spark.sql('select Host, id, count(*) from visits group by Host').collect()",
        "selects id, which is neither in GROUP BY",
    ),
    "an ambiguous column": (
        "spark.sql('select Host from visits v join players p on v.id = p.number').collect()",
        "Both sides of the join have a column 'Host'",
    ),
    "an ambiguous column in the API": (
        "visits.join(players, visits.Host == players.Host).select('Host').collect()",
        "A join by name keeps it once",
    ),
    "a union of different columns": ("visits.union(players).count()", "A union needs the same columns"),
    "a union of different columns in SQL": (
        "spark.sql('select id, Host from visits union all select number from players').collect()",
        "A union needs the same number of columns",
    ),
    "a comparison in the API": ("visits.where(F.col('year') > 5).count()", "'late' cannot be cast to BIGINT"),
    "a comparison of an attribute": ("visits.where(visits.year > 5).count()", "'late' cannot be cast to BIGINT"),
    "a format that is not installed": (
        "spark.range(3).write.mode('overwrite').format('avro').save('/tmp/other_format')",
        "Spark has no format 'avro'",
    ),
    "a variable with the name of the column": ("Hots = visits.select('Hots').count()", "Did you mean 'Host'?"),
    "a variable with the name of the view": (
        "visit = spark.sql('select id from visit').count()",
        "mean 'visits'?",
    ),
    "a cast": ("spark.sql('select cast(year as int) from visits').collect()", "'late' cannot be cast to INT"),
    "a cast in the API": ("visits.select(visits.year.cast('int')).collect()", "'late' cannot be cast to INT"),
    "a comparison of text and number": ("visits.where('year > 5').count()", "'late' cannot be cast to BIGINT"),
    "a division": ("spark.sql('select id / price from visits').collect()", "A divisor is 0"),
    "a division in the API": ("visits.select(F.col('id') / F.col('price')).collect()", "A divisor is 0"),
    "JSON of bytes": (
        "read('clicks').select(F.from_json('value', 'n int')).collect()",
        "from_json needs a text",
    ),
    "JSON of bytes in SQL": (
        "read('clicks').selectExpr('get_json_object(value, \"$.n\")').collect()",
        "get_json_object needs a text",
    ),
    "a path that exists": ("spark.range(3).write.parquet('/tmp/exists')", "The path /tmp/exists exists on HDFS"),
    "a misspelt format": ("spark.read.format('parqet').load('/tmp/exists').count()", "Did you mean 'parquet'?"),
    "text without quotes": ("bought.where('site = a.com').count()", "text needs single quotes"),
    "text without quotes after ==": ('bought.where("player == ada and site = a.com").count()', "single quotes"),
    "text without quotes in a list": ('bought.where("player in (ada, bob)").count()', "single quotes"),
    "text without quotes in SQL": (
        "spark.sql('select * from bought where site = a.com').count()",
        "single quotes",
    ),
    "text without quotes, without a variable": (
        'spark.read.parquet("/tmp/bought").where("site = a.com").count()',
        "text needs single quotes",
    ),
    "text without quotes in an f-string": ('bought.where(f"site = {site}").count()', "text needs single quotes"),
    "fields of a nested column": (
        'bought.selectExpr("sum(price * pieces)").collect()',
        "the column item: item.price",
    ),
    "a field in the API": ("bought.select(F.sum('price')).collect()", "a field of the column item"),
    "a misspelt field": ("bought.select('item.prize').collect()", "Did you mean 'price'?"),
    "a misspelt field in SQL": ("spark.sql('select item.prize from bought').collect()", "Did you mean 'price'?"),
    "a column to explode": ("bought.select(F.explode('tag')).collect()", "Did you mean 'tags'?"),
    "a partition column": (
        "bought.write.mode('overwrite').partitionBy('players').parquet('/tmp/partitions')",
        "Did you mean 'player'?",
    ),
    "a column of pandas": ("frame = bought.toPandas()\nframe['Player']", "Did you mean 'player'?"),
    "a misspelt function": ("spark.sql('select cuont(*) from bought').collect()", "no function 'cuont'"),
    "a word that Spark reads as a name": ("spark.sql('select * from bought wher pieces = 2').count()", "'where'?"),
    "conditions without parentheses": (
        'bought.where(F.col("player") == "ada" & F.col("site") == "a.com").count()',
        "Each condition needs its own parentheses",
    ),
    "conditions with and": (
        "bought.where((bought.pieces > 1) and (bought.pieces < 9)).count()",
        "write & for `and`",
    ),
    "a range": ("bought.where(1 < bought.pieces < 9).count()", "Write & between them"),
    "Python's sum": ("bought.select(sum(bought.pieces)).collect()", "Spark's function is F.sum()"),
    "Python's sum of a name": ("bought.select(sum('pieces')).collect()", "Spark's function is F.sum()"),
    "a column without quotes": ("bought.where(player == 'ada').count()", 'column of that name is F.col("player")'),
    "a misspelt method": ("bought.wher('pieces = 2').count()", "Did you mean 'where'?"),
    "a misspelt method of groups": ("bought.groupBy('player').cuont().collect()", "Did you mean 'count'?"),
    "groups without a calculation": ("bought.groupBy('player').show()", "has groups and no rows"),
    "a method without parentheses": ("bought.distinct.show()", "with parentheses: distinct()"),
    "a writer's methods in the wrong order": (
        "bought.write.mode('overwrite').parquet('/tmp/orders').partitionBy('player')",
        "partitionBy() must stand before it",
    ),
    "a misspelt module's function": ("F.cuont('player')", "Did you mean 'count'?"),
    "a misspelt word": ("spark.sql('selct Host from visits').count()", "Did you mean 'select'?"),
}


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
