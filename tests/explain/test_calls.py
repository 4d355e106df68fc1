"""Wrong calls and conditions of Python: real errors of pyspark and kafka-python, and the line of the box."""

import json
import os
import warnings
from itertools import islice
from types import SimpleNamespace
from typing import Any

import httpx
import pandas
import pytest
from kafka import KafkaConsumer, KafkaProducer
from pyspark.sql import Row
from pyspark.sql.connect import functions
from pyspark.sql.connect.dataframe import DataFrame
from pyspark.sql.connect.plan import Range
from pyspark.sql.connect.readwriter import DataFrameReader

from eventlab.explain import kafka, sql_syntax, values, why
from eventlab.explain.explanation import REPLACE_LINE, RUN_FIRST
from eventlab.explain.failed_cell import FailedCell
from eventlab.explain.registry import explanations, first_confirmed
from eventlab.settings import settings
from tests.explain.test_python import failed

OfConnect: Any = DataFrame


class Table(OfConnect):
    """A DataFrame of Spark Connect without a server, which knows its columns."""

    columns = ("player", "pieces", "item")

    def __init__(self):
        super().__init__(Range(0, 3, 1, 1), Session())

    def show(self, n=20):
        """Return None, as `show` does."""

    def collect(self):
        """Return a list."""
        return []

    def take_all(self):
        """Call a number."""
        return vars(self).get("nothing", 3)()

    def take(self, num):
        """Return a list."""
        return []


Table.__name__, Table.__module__ = "DataFrame", "pyspark.sql.connect.dataframe"


reader: Any = DataFrameReader


class Nothing:
    """A DataFrame without rows."""

    def first(self):
        """Return None, as `first` does."""


class Store:
    """An object of a notebook."""

    run, first_id, last_id = None, 1, 2

    def get(self, key):
        """Return a number."""
        return 1


def bot():
    """Return an object of another cell."""
    cell = "class Bot:\n    def go(self):\n        return 3()"
    made: dict[str, Any] = {}
    with warnings.catch_warnings(action="ignore"):
        exec(compile(cell, "/tmp/ipykernel_1/1.py", "exec"), made)
    return made["Bot"]()


class Session:
    """A session with a method for SQL."""

    client = None
    session_id = "a"

    def sql(self, query):
        """Return a DataFrame."""

    @property
    def read(self):
        """Return a real reader."""
        return reader(None)


Session.__module__ = "pyspark.sql.connect.session"


def read(count, group, commit=True):
    return list(islice(iter(()), count)), group, commit


def box_of(cell) -> Any:
    """Return the first explanation that is confirmed, of all."""
    return first_confirmed(explanations(), cell, settings)


def names():
    """Return the variables of a notebook."""
    return {
        "sold": Table(),
        "spark": Session(),
        "F": functions,
        "read": read,
        "group": "readers",
        "json": json,
        "os": os,
        "avg": functions.avg,
        "col": functions.col,
        "rows": [1, 2],
        "answer": httpx.Response(400, json={"error": "item is not an object"}),
        "httpx": httpx,
        "by_hour": pandas.DataFrame({"hour": [1], "visits": [2]}),
        "KafkaConsumer": KafkaConsumer,
        "KafkaProducer": KafkaProducer,
        "row": Row(guild="owls", n=3),
        "event": {"event_type": "default", "Host": "a.com"},
        "events": [{"n": 1}],
        "counts": {},
        "values": [b'{"n": 1}', b"no json"],
        "lines": ['{"n": 1}', "no json"],
        "quotes": ['{"n": 1}', "{'n': 1}"],
        "table": Table,
        "nothing": Nothing(),
        "store": Store(),
        "bot": bot(),
        "sorted": sorted,
    }


MISTAKES = [
    ("sold.where(player='ada').count()", """sold.where("player = 'ada'").count()"""),
    ("sold.where(pieces=2, player='a')", """sold.where("pieces = 2 and player = 'a'")"""),
    ("sold.where('a = 1', 'b = 2')", 'sold.where("a = 1 and b = 2")'),
    ("sold.filter('a = 1 or c', 'b = 2')", 'sold.filter("(a = 1 or c) and b = 2")'),
    ("sold.where('a = 1' & 'b = 2')", 'sold.where("a = 1 and b = 2")'),
    ("sold.where('a = 1' | 'b = 2')", 'sold.where("a = 1 or b = 2")'),
    ("sold.where('a = 1 OR b = 2', 'c = 3')", 'sold.where("(a = 1 OR b = 2) and c = 3")'),
    ("sold.where('a = 1 or b = 2' & 'c = 3')", 'sold.where("(a = 1 or b = 2) and c = 3")'),
    ("sold.where('player' == 'ada')", """sold.where("player = 'ada'")"""),
    ("n = sold.where(player == 'ada').count()", "n = sold.where(F.col(\"player\") == 'ada').count()"),
    ("sold.select(item.price)", 'sold.select("item.price")'),
    ("sold.where(item.price > 5)", 'sold.where(F.col("item.price") > 5)'),
    ("sold.where(player.like('a%'))", "sold.where(F.col(\"player\").like('a%'))"),
    (
        "sold.select('item', F.col('player').cast('string').show(3))",
        "sold.select('item', F.col('player').cast('string')).show(3)",
    ),
    ("sold.explode('item.tags').show()", "sold.select(F.explode('item.tags')).show()"),
    (
        "sold.where('player is not null').explode('tags')",
        "sold.where('player is not null').select(F.explode('tags'))",
    ),
    ("sold.select(sold.pieces.round(2)).show()", "sold.select(F.round(sold.pieces, 2)).show()"),
    ("sold.agg(F.avg('price').round(2))", "sold.agg(F.round(F.avg('price'), 2))"),
    ("sold.select(F.col('item').split('a'))", "sold.select(F.split(F.col('item'), 'a'))"),
    ("sold.select(sold['item'].trim())", "sold.select(F.trim(sold['item']))"),
    ("sold.max('pieces')", "sold.agg({'pieces': \"max\"})"),
    ("sold.sum()", "sold.groupBy().sum()"),
    ("print(len(rows), len(sold))", "print(len(rows), sold.count())"),
    ("sold.round(2)", "sold.toPandas().round(2)"),
    ("counts['swords'] += 1", "counts['swords'] = counts.get('swords', 0) + 1"),
    ("name = event['item']['name']", "name = event.get('item', {}).get('name')"),
    ("sum(e['price'] for e in events)", "sum(e.get('price', 0) for e in events)"),
    ("sum(1 for e in events if e['guild'] == 'owls')", "sum(1 for e in events if e.get('guild') == 'owls')"),
    ("print(f'{event[\"price\"]}')", """print(f'{event.get("price")}')"""),
    ("sold.value_counts()", "sold.toPandas().value_counts()"),
    ("sold.first('item')", "sold.first()['item']"),
    ("sold.count('item')", "sold.count()"),
    ("len(sold)", "sold.count()"),
    ("answer.json['error']", "answer.json()['error']"),
    ("sold.select(sold.item.name)", 'sold.select("item.name")'),
    ("sold.wirte.mode('append')", "sold.write.mode('append')"),
    ("nothing.first()['item']", "%why"),
    ("print(answer.text())", "print(answer.text)"),
    ("n = answer.status_code()", "n = answer.status_code"),
    ("sold.columns()", "sold.columns"),
    ("sold.player.show()", 'sold.select("player").show()'),
    ("sold['player'].show(3)", 'sold.select("player").show(3)'),
    ("sold.collect().show()", "sold.show()"),
    ("sold.take(3).show()", "sold.limit(3).show()"),
    ("sold.select('player'.cast('int'))", "sold.select(F.col('player').cast('int'))"),
    ("n = NULL", "n = None"),
    ("n = sold.collect().count()", "n = sold.count()"),
    ("rows.count()", "len(rows)"),
    ("answer.json('error')", "answer.json()['error']"),
    ("httpx.Response(200, json={}).json('error')", "httpx.Response(200, json={}).json()['error']"),
    ("rows = sold.show(3)['item']", "rows = sold.select('item').show(3)"),
    ("sold.agg(max('pieces') - 1)", "sold.agg(F.max('pieces') - 1)"),
    ("sold.agg(F.avg('pieces'), -min('pieces'))", "sold.agg(F.avg('pieces'), -F.min('pieces'))"),
    ("sold.select('price' * 'pieces')", "sold.select(F.col('price') * F.col('pieces'))"),
    ("read(5)", "read(5, group)"),
    ("read(count=5)", "read(count=5, group=group)"),
    ("spark.read('/tmp/a').count()", "spark.read.parquet('/tmp/a').count()"),
    ("spark.read('/tmp/a.json')", "spark.read.json('/tmp/a.json')"),
    ("spark.read('kafka').load()", "spark.read.format('kafka').load()"),
    ("sold.write('overwrite').parquet('/tmp/a')", "sold.write.mode('overwrite').parquet('/tmp/a')"),
    ("sql('select 1')", "spark.sql('select 1')"),
    ("KafkaConsumer('t', bootstrap_server='a:1')", "KafkaConsumer('t', bootstrap_servers='a:1')"),
    ("KafkaConsumer('t', group='g')", "KafkaConsumer('t', group_id='g')"),
    ("KafkaProducer(ack='all')", "KafkaProducer(acks='all')"),
    ("by_hour.plot.bar(x=hour, y='visits')", """by_hour.plot.bar(x="hour", y='visits')"""),
    ("best = Potion\ncourse.check('08-1', best)", 'best = "Potion"'),
    ("by_hour.show()", "by_hour"),
    ("by_hour.where('hour > 3')", "by_hour.query('hour > 3')"),
    ("by_hour.orderBy('hour')", "by_hour.sort_values('hour')"),
    ("row['guilds']", 'row["guild"]'),
    ("row.guilds", 'row["guild"]'),
    ("event['host']", 'event["Host"]'),
    ("event.Host", 'event["Host"]'),
    ("[item['even_type'] for item in [event]]", '[item["event_type"] for item in [event]]'),
    ("event['description']", "event.get('description')"),
    (
        "all = [json.loads(value) for value in values]",
        'all = [json.loads(value) for value in values if value.lstrip()[:1] in ("{", b"{")]',
    ),
    (
        "[json.loads(line) for line in lines]",
        '[json.loads(line) for line in lines if line.lstrip()[:1] in ("{", b"{")]',
    ),
    ("json.loads(values)", "[json.loads(value) for value in values]"),
    ("json.dumps(values[0], indent=2)", "json.dumps(json.loads(values[0]), indent=2)"),
    ("sold.first(3)", "sold.head(3)"),
    ("sold.where(player=group)", 'sold.where(F.col("player") == group)'),
    ("sold.where(pieces=len(rows))", 'sold.where(F.col("pieces") == len(rows))'),
    ("sold.join(sold, player)", 'sold.join(sold, "player")'),
    ("sold.join(sold, on=player)", 'sold.join(sold, on="player")'),
    ("sold.withColumn(player, F.lit(1))", 'sold.withColumn("player", F.lit(1))'),
    ("sold.plot.bar(x='player', y='n')", "sold.toPandas().plot.bar(x='player', y='n')"),
    ("table().groupby(player)", 'table().groupby("player")'),
    ("sold.groupBy(plaayer)", 'sold.groupBy(F.col("player"))'),
    ("sold.groupBy(gruop)", "sold.groupBy(group)"),
    ("sold.groupBy(Player)", 'sold.groupBy(F.col("player"))'),
    ("sold.where(piece > 5)", 'sold.where(F.col("pieces") > 5)'),
    ("sold.groupBy(itme.price)", 'sold.groupBy("item.price")'),
    ("by_hour['visit']", "by_hour['visits']"),
    ("by_hour.loc[:, 'hours']", "by_hour.loc[:, 'hour']"),
    ("by_hour.groupby('hours').sum()", "by_hour.groupby('hour').sum()"),
    ("by_hour.sort_values('hours')", "by_hour.sort_values('hour')"),
    # the call that failed is corrected, and not another one of the same name before it
    ("read(1, 'g')\nread(5)", "read(5, group)"),
    ("read(1, 'g', commit=True)\nread(1, 'g', comit=True)", "read(1, 'g', commit=True)"),
    ("'a'.count('a')\nsold.count('item')", "sold.count()"),
    ("by_hour['hour']\nevent['visit']", "event.get('visit')"),
    (
        "[json.loads(line) for line in lines[:1]]\n[json.loads(line) for line in lines]",
        '[json.loads(line) for line in lines if line.lstrip()[:1] in ("{", b"{")]',
    ),
]


@pytest.mark.parametrize(("source", "line"), MISTAKES)
def test_a_wrong_call_is_corrected(source, line):
    box = box_of(failed(source, **names()))

    assert box
    assert box.remedy == line


def test_a_condition_becomes_a_text_where_the_functions_are_not_imported():
    cell = failed("n = table().where(player == 'ada').count()", sold=Table(), table=lambda: Table())

    box = box_of(cell)

    assert box.remedy == """n = table().where("player = 'ada'").count()"""


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
    assert box_of(failed("x.sort(player)", x=[], sold=Asked())).remedy == 'x.sort("player")'
    assert asked


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


@pytest.mark.parametrize(
    "source",
    [
        "sold.where(player=4.5j)",
        "sold.where(player=rows)",  # a list
        "sold.where(player=event['Host'] if rows else 'ada')",
        "sold.where(unknown == 'ada')",
        "rows.count(1, 2)",
        "{'n': {}}['n']['m']",
        "json.loads('')",
        "read(commit=1)",
        "read(group=1)",
        "group(3)",
        "group()",
        "table().take_all()",  # the method of an object calls a number
        "json.dumps(event, 2)",
        "json.loads('{}', 'utf-8')",
        "sold.select(F.sum('price', 'quantity'))",
        "del event['x']",
        "event['price'] + 1",
        "int(event['price'])",
        "event['tags'][0]",
        "max(e['price'] for e in events)",
        "event['item']['name'].upper()",
        "event['price'] > 3",
        "sold.show()[0]",
        "spark.read('overwrite')",
        "spark.read('/tmp/a.xml')",
        "spark.read(path='/tmp/a')",
        "avg()",
        "sold.concat(sold)",
        "sold.select(sold.item.concat_ws(','))",
        "sold.join(sold.distinct()).where(sold.player.contain('a'))",
        "os.path.basename('a', 'b')",
        "json.dumps({'offset': 3, 'value': values[0]})",
        "json.dumps([value for value in values])",
        "json.dumps(values[1])",
        "json.loads(events)",  # a list that is read already
        "[json.loads(line) for line in quotes]",  # the value begins with a brace
        "by_hour.dropna('x')",  # it takes arguments with names
        "by_hour.loc['hours']",  # a row
        "by_hour.filter('hour')",  # a method of pandas, too
        "by_hour.where(hour=1)",
        "read(1, group=1, commits=2, commit=3)",
        "KafkaConsumer('t', group='g', group_id='g')",
        "KafkaProducer(ack='all', acks='all')",
        "store.run()",  # its value is None
        "sorted(rows, key=2)",
        "bot.go()",  # a method of another cell calls a number
        "store.get('a', data=3)",
        "sold.write.options('header')",
        "x = {'net': model.net}",
        "F.coalesce(sold.item.price, 3)",
        "print('hello'.contains('h'))",
        "F.agg('x')",
        "F.join('x')",
        "store.id",
        "sold.select(tems('x'))",
        "event.values[0]",
        "class Basket:\n    def collect(self):\n        return []\nBasket().collect().show()",
        # what failed is not what looks like a mistake
        "by_hour.filter(['hour'])\nint('x')",
        "len(rows)\nlist(map(len, [sold]))",
        "[json.loads(line) for line in lines[:1]]\njson.loads('hello')",
        "flag = 1 < 2 and 2 < 3\nbool(F.col('n'))",
        "tags = sold.agg(F.collect_set('player'))\nsold.player(1)",
    ],
)
def test_a_call_that_is_wrong_for_another_reason_gets_no_line(source):
    box = box_of(failed(source, **names()))

    assert box is None or box.remedy.startswith("help(")


def test_a_comma_is_proposed_in_a_query_and_not_in_a_condition():
    query = [text for text, _ in sql_syntax._attempts("select Host count(*) from a", 17)]
    condition = [text for text, _ in sql_syntax._attempts("Host is 'a.com'", 8)]

    assert "select Host, count(*) from a" in query
    assert not any("," in text for text in condition)


class Stored(Table):
    """A DataFrame that reads a folder."""

    def inputFiles(self):
        """Return a file, as Spark does."""
        return ["hdfs://localhost:1/tmp/bought/part-0.parquet"]


Stored.__name__, Stored.__module__ = "DataFrame", Table.__module__


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
