"""Wrong arguments of Python and of commands that need no service: real errors, and the line of the box."""

import httpx
import pandas
import pytest
import requests
from kafka.errors import NoOffsetForPartitionError
from pyspark.errors import PySparkValueError
from pyspark.sql import DataFrameWriter

from eventlab.explain import arguments, kafka_calls, names, shell_http, syntax
from eventlab.explain.failed_cell import FailedCell
from eventlab.explain.registry import explanations, first_confirmed
from eventlab.settings import settings
from tests.explain.test_python import box_of, commands_box, failed


def read(count, group, commit=True):
    return count, group, commit


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ('player.get("/", header={"Host": "a"})', 'player.get("/", headers={"Host": "a"})'),
        ('first = read(5, "g", comit=False)', 'first = read(5, "g", commit=False)'),
        ('httpx.get("http://x/", timout=3)', 'httpx.get("http://x/", timeout=3)'),
        ('player.get("/", headers={"Host", "a"})', 'player.get("/", headers={"Host": "a"})'),
        ('player.get("/", headers={"Host: a"})', 'player.get("/", headers={"Host": "a"})'),
        ('player.get("/", headers="Host: a:5")', 'player.get("/", headers={"Host": "a:5"})'),
        ('requests.get("http://x/", headers="Host: a")', 'requests.get("http://x/", headers={"Host": "a"})'),
        ('player.get("/", headers={Host: "a"})', 'player.get("/", headers={"Host": "a"})'),
        ('player.get("/", headers={"Host": user.a.com})', 'player.get("/", headers={"Host": "user.a.com"})'),
        (
            'httpx.Request("GET", "http://x/", headers={"Host", "a"})',
            'httpx.Request("GET", "http://x/", headers={"Host": "a"})',
        ),
        (
            'with httpx.stream("GET", "http://x/", headers={"Host", "a"}) as answer: pass',
            'with httpx.stream("GET", "http://x/", headers={"Host": "a"}) as answer: pass',
        ),
        ('httpx.head("http://x/", headers="Host: a")', 'httpx.head("http://x/", headers={"Host": "a"})'),
        ('player.get("/purchase", json={"player": "a"})', 'player.post("/purchase", json={"player": "a"})'),
        ('httpx.get("/join_guild/owls")', 'httpx.get(settings.api_url + "/join_guild/owls")'),
        ('requests.get("/")', 'requests.get(settings.api_url + "/")'),
    ],
)
def test_a_wrong_argument_is_corrected(source, line):
    with httpx.Client(base_url="http://127.0.0.1:1") as player:
        names = {"player": player, "read": read, "httpx": httpx, "requests": requests, "settings": settings}
        box = box_of(arguments, failed(source, **names))

    assert box
    assert box.remedy == line


@pytest.mark.parametrize(
    "source",
    ["x = {'Host': evnt.item.name}", 'read(5, "g", colour=1)', "{Host}", "int(5, base=3, x=1)", 'float("a: b")'],
)
def test_another_wrong_argument_gets_no_box(source):
    assert box_of(arguments, failed(source, read=read)) is None


@pytest.mark.parametrize(
    "earlier", ['player.get("/", headers={"Host": "a"})', '{Host: "b"}', '!ab -H "Host: a" http://x/']
)
def test_a_key_without_quotes_is_corrected_after_cells_that_use_the_name(earlier):
    assert box_of(arguments, failed('x = {Host: "a"}', In=[earlier, ""])).remedy == 'x = {"Host": "a"}'


def test_an_argument_that_was_a_string_in_an_earlier_cell_needs_quotes():
    earlier = 'send("12:00", "visit", "ada")'
    source = 'send("12:40", visit, "ada")'

    assert box_of(arguments, failed(source, send=read, visits=1, In=[earlier, ""])).remedy == earlier.replace(
        "12:00", "12:40"
    )
    assert box_of(arguments, failed(source, send=read, visits=1, In=["send(1, 2, 'visit')", ""])) is None


def test_a_column_of_pandas_without_quotes_is_corrected():
    events = pandas.DataFrame({"Host": ["a"]})

    assert box_of(arguments, failed("x = events[Host]", events=events)).remedy == 'x = events["Host"]'
    assert box_of(arguments, failed("x = events[player]", events=events)) is None


def test_a_column_with_a_dash_without_quotes_is_corrected():
    events = pandas.DataFrame({"User-Agent": ["a"]})

    assert box_of(arguments, failed("x = events[User-Agent]", events=events)).remedy == 'x = events["User-Agent"]'
    assert box_of(arguments, failed("x = events[user-agent]", events=events)) is None


@pytest.mark.parametrize(("given", "meant"), [("beginning", "earliest"), ("end", "latest"), ("latst", "latest")])
def test_a_start_that_is_a_word_of_kafkacat_is_corrected(given, meant):
    error = NoOffsetForPartitionError("t")
    line = "for message in KafkaConsumer('t', auto_offset_reset={}): pass"

    box = box_of(kafka_calls, FailedCell(error, line.format(repr(given))))
    assert box.remedy == line.format(f'"{meant}"')

    assignment = f"consumer = KafkaConsumer('t', auto_offset_reset='{given}')"
    cell = FailedCell(error, "for message in consumer: pass", {"consumer": None, "In": [assignment, ""]})
    assert box_of(kafka_calls, cell).remedy == f"consumer = KafkaConsumer('t', auto_offset_reset=\"{meant}\")"


def test_only_the_start_of_a_consumer_is_corrected():
    statement = "messages = list(KafkaConsumer('end', auto_offset_reset='end'))"
    cell = FailedCell(NoOffsetForPartitionError("t"), "messages", {"messages": [], "In": [statement, ""]})

    assert box_of(kafka_calls, cell).remedy == statement.replace("='end'", '="latest"')


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("mine = kafkacat -C -t events -e | wc -l", "mine = !kafkacat -C -t events -e | wc -l"),
        ("course.check(03-1)", 'course.check("03-1")'),
        ("n = 3\ncourse.check(03-1, n)", 'course.check("03-1", n)'),
        (
            "spark.sql('select a from b where c = 'd'').show()",
            """spark.sql("select a from b where c = 'd'").show()""",
        ),
        ("frame.where('a = 'b'').count()", """frame.where("a = 'b'").count()"""),
        ("spark.sql(select count(*) from b).show()", 'spark.sql("select count(*) from b").show()'),
        ('frame.where("a = "b"").count()', """frame.where("a = 'b'").count()"""),
        ("# send\n%%bash\necho hi", "%%bash\n# send\necho hi"),
        ("x = spark.read.parquet(/tmp/a)", 'x = spark.read.parquet("/tmp/a")'),
    ],
)
def test_python_that_cannot_be_read_is_corrected(source, line):
    assert box_of(syntax, failed(source)).remedy == line


def test_the_mark_of_a_command_stands_behind_the_equals_sign():
    box = commands_box("!mine = kafkacat -C -e | wc -l", "kafkacat", "-C", module=syntax)
    assert box is None  # kafkacat ran

    cell = syntax.FailedCell(None, "!mine = kafkacat -C -e", {}, exit_code=127, failed=[])
    assert box_of(syntax, cell).remedy == "mine = !kafkacat -C -e"


@pytest.mark.parametrize(
    ("line", "corrected"),
    [
        ("ab -q -n 10 -c 16 http://x/", "ab -q -n 10 -c 10 http://x/"),
        ("ab -n 10 -H Host: user1.comcast.com http://x/", 'ab -n 10 -H "Host: user1.comcast.com" http://x/'),
        ("curl -s -H Host: a.com http://x/", 'curl -s -H "Host: a.com" http://x/'),
        ("ab -n 10 -M POST http://x/", "ab -n 10 -m POST http://x/"),
        ("ab http://x/ -n 10 -c 2 | tail -3", "ab -n 10 -c 2 http://x/ | tail -3"),
        ("ab -n 10 http://x:1 /a_knife", "ab -n 10 http://x:1/a_knife"),
        ("ab -n 10 api/", "ab -n 10 {api}/"),
        ("ab -n 10 http://x:1", "ab -n 10 http://x:1/"),
        ("ab -n 10 purchase_a_knife", "ab -n 10 API/purchase_a_knife"),
        ("ab -n 10 /purchase_a_knife", "ab -n 10 API/purchase_a_knife"),
        ("ab -n 10 http://x:1purchase_a_knife", "ab -n 10 http://x:1/purchase_a_knife"),
        ("ab -n 10 http://x:1join_guild/owls", "ab -n 10 http://x:1/join_guild/owls"),
    ],
)
def test_a_wrong_option_of_a_load_test_is_corrected(line, corrected):
    box = commands_box(f"!{line}", *line.split(), module=shell_http, api="http://x:1")

    assert box.remedy == f"!{corrected}".replace("API", settings.api_url)


@pytest.mark.parametrize(
    ("line", "corrected"),
    [
        ("ab http://x/ -n 10 2>&1 | tail -3", "ab -n 10 http://x/ 2>&1 | tail -3"),
        ("ab http://x/ -n 10 && date", "ab -n 10 http://x/ && date"),
        ("ab -n 10 -p /tmp/a http://x:1 /a_knife", "ab -n 10 -p /tmp/a http://x:1/a_knife"),
        ("ab -n 10 http://x:1 | grep Complete", "ab -n 10 http://x:1/ | grep Complete"),
        ("ab -n 10 a_knife | grep Complete", "ab -n 10 API/a_knife | grep Complete"),
    ],
)
def test_only_the_words_of_a_load_test_are_changed(line, corrected):
    words = line.partition(" 2>")[0].partition(" &&")[0].partition(" |")[0].split()
    box = commands_box(f"!{line}", *words, module=shell_http)

    assert box.remedy == f"!{corrected}".replace("API", settings.api_url)


@pytest.mark.parametrize("line", ["ab -n 10 /a_knife", "ab -n 5 -p /tmp/body.json"])
def test_a_load_test_without_an_address_gets_no_box_about_a_space(line):
    assert shell_http.words_of_request(commands_cell(line), settings) is None


@pytest.mark.parametrize(
    "source",
    ["f('a' b='c')".replace("'", '"'), 'print("n = " count "rows")', 'print("a: " + x "b")', 'f("" b="c")'],
)
def test_a_missing_comma_is_no_double_quote_in_a_string(source):
    with pytest.raises(SyntaxError) as caught:
        compile(source, "cell", "exec")

    assert box_of(syntax, FailedCell(caught.value, source)) is None


@pytest.mark.parametrize(
    "line", ["ab -n 10 -c 5 http://x/", 'ab -n 10 -H "Host: a" http://x/', "ab -k -n 1 http://x/"]
)
def test_right_options_of_a_load_test_get_no_box(line):
    assert shell_http.words_of_request(commands_cell(line), settings) is None


def commands_cell(line):
    """Return a cell whose command failed."""
    return syntax.FailedCell(None, f"!{line}", {}, exit_code=1, failed=[])


class Table:
    """A DataFrame of Spark Connect, as far as an explanation looks at it."""

    columns = ("player",)

    def selectExpr(self, *expressions):
        """Return None."""

    def show(self):
        """Return None, as `show` does."""


Table.__name__, Table.__module__ = "DataFrame", "pyspark.sql.connect.dataframe"


def test_an_expression_of_sql_without_quotes_is_corrected():
    box = box_of(arguments, failed("x = sold.selectExpr(max(player))", sold=Table()))

    assert box.remedy == 'x = sold.selectExpr("max(player)")'
    assert box_of(arguments, failed("x = sold.selectExpr(max(prices))", sold=Table())) is None


@pytest.mark.parametrize("code", ["player + ' as p'", "*player", "pandas.concat(player)"])
def test_an_expression_of_python_does_not_get_quotes(code):
    assert box_of(arguments, failed(f"sold.selectExpr({code})", sold=Table(), pandas=pandas)) is None


@pytest.mark.parametrize(
    ("error", "source", "line"),
    [
        (
            TypeError("'Column' object is not callable"),
            "a = sold.partitionBy('player').write.parquet('/a')",
            "a = sold.write.partitionBy('player').parquet('/a')",
        ),
        (
            TypeError("'DataFrameWriter' object is not callable"),
            "sold.write().mode('append')",
            "sold.write.mode('append')",
        ),
        (
            AttributeError(name="overwrite", obj=DataFrameWriter.__new__(DataFrameWriter)),
            "sold.write.overwrite().parquet('/a')",
            """sold.write.mode("overwrite").parquet('/a')""",
        ),
        (
            PySparkValueError(errorClass="UNSUPPORTED_OPERATION", messageParameters={"operation": "overwrit"}),
            "sold.write.mode('overwrit').parquet('/a')",
            """sold.write.mode("overwrite").parquet('/a')""",
        ),
        (NameError(name="overwrite"), "sold.write.mode(overwrite)", 'sold.write.mode("overwrite")'),
        (NameError(name="player"), "sold.write.partitionBy(player)", 'sold.write.partitionBy("player")'),
    ],
)
def test_a_mistake_with_a_writer_is_corrected(error, source, line):
    cell = syntax.FailedCell(error, source, {"sold": Table(), "players": 3})

    box = first_confirmed(explanations(), cell, settings)

    assert box
    assert box.remedy == line


def test_nothing_follows_show():
    assert box_of(names, failed("sold.show().count()", sold=Table())).remedy == "sold.count()"


def test_a_view_is_no_variable():
    cell = failed("sold.count()", solds=3, In=["frame.createOrReplaceTempView('sold')", "sold.count()"])

    assert box_of(names, cell).remedy == 'spark.table("sold").count()'
