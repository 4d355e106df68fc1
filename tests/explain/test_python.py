"""Mistakes of Python and of commands that need no service: real errors, and the line that the box proposes."""

import json
import linecache
import os
import socket
import time

import pandas
import pytest
from pyspark.sql.connect import functions

from eventlab.commands.tools import program_and_arguments
from eventlab.explain import braces, created_topics, machine, names, notebook, shell_text, syntax, usage, why
from eventlab.explain.failed_cell import FailedCell
from eventlab.explain.shell_words import is_suspect
from eventlab.settings import settings
from eventlab.stack import config, process
from eventlab.stack.environment import BIN_FOLDER


def failed(source, **namespace):
    """Run a cell that fails, and return it with its real error."""
    try:
        exec(compile(source, "/tmp/ipykernel_1/2.py", "exec"), dict(namespace))
    except Exception as error:
        return FailedCell(error, source, namespace)
    raise AssertionError("the cell has not failed")


def box_of(module, cell):
    """Return the first explanation of a module."""
    return next(filter(None, (explain(cell, settings) for explain in module.EXPLANATIONS)), None)


def commands_box(source, *words, module=usage, **namespace):
    """Explain a command that failed with these words."""
    return box_of(module, FailedCell(None, source, namespace, exit_code=1, failed=[words]))


@pytest.mark.parametrize(("value", "shown"), [(5, "An int"), ("", "A str"), (json, "The module json")])
def test_a_class_has_the_right_article(value, shown):
    assert names._description(value) == shown


class Sale:
    """A class of a notebook."""

    def price(self) -> int:
        """Return a number."""
        return 3


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("json.dmups(1)", "json.dumps(1)"),
        ("(\n  sale\n  .prise()\n)", ".price()"),
        ("from json import lodas", "from json import loads"),
        ("import jsn", "import json"),
        ("import kafkaa", "import kafka"),
        ("sael.price()", "sale.price()"),
        ("httpx.get('/')", "import httpx"),
        ("F.col('a')", "from pyspark.sql import functions as F"),
        ("re.compile('a')", "import re"),
    ],
)
def test_a_name_of_python_is_corrected(source, line):
    box = box_of(names, failed(source, json=json, sale=Sale()))

    assert box
    assert box.remedy == line


@pytest.mark.parametrize(
    "source",
    ["json.nothing_like_it", "first - 1", "code = select", "import no_such_package", "1 / 0", "sale.price.x"],
)
def test_a_name_without_a_similar_one_gets_no_box_and_no_wrong_import(source):
    box = box_of(names, failed(source, json=json, sale=Sale()))

    assert box is None or "price()" in box.remedy


def test_a_wrong_name_in_two_lines_is_named_alone():
    box = box_of(names, failed("sael\nsael", sale=1))

    assert box.remedy == "sale"
    assert "write this name" in box.instruction


def test_a_variable_with_the_result_of_show_is_explained():
    cell = FailedCell(failed("shown.count()", shown=None).error, "shown.count()", {"shown": None, "In": ["", ""]})
    cell.namespace["In"].insert(0, "shown = frame.show(5)")

    assert box_of(names, cell).remedy == "shown = frame"


@pytest.mark.parametrize(
    ("source", "remedy"),
    [
        ("kafka-topics --list", "!kafka-topics --list"),
        ("1 + 1\nhadoop fs -ls /tmp", "!hadoop fs -ls /tmp"),
        ("curl -s http://localhost/", "!curl -s http://localhost/"),
        (" %%bash\nls", "%%bash\nls"),
        ("# lists\n\n%%bash\nls", "%%bash\n# lists\n\nls"),
        ("x = 1\n %%bash\nls", "%%bash"),
    ],
)
def test_a_command_without_its_mark_gets_the_mark(source, remedy):
    assert box_of(syntax, failed(source)).remedy == remedy


def test_a_command_without_its_mark_is_found_where_the_module_kafka_is_imported():
    box = box_of(syntax, failed("kafka-topics --list", kafka=1))

    assert box.remedy == "!kafka-topics --list"


@pytest.mark.parametrize(
    "source", ["head - 1", "x = curl y", "print 'a'", "this is no python", "for x in", "f('a', b 'c', 'd')"]
)
def test_other_errors_of_syntax_and_names_are_no_commands(source):
    assert box_of(syntax, failed(source)) is None


@pytest.mark.parametrize(
    ("line", "old", "new"),
    [
        ("kafka-topics --create --topic t --partition 3", "--partition", "--partitions"),
        ("kafka-console-consumer --topic t --from-begining", "--from-begining", "--from-beginning"),
        ("kafkacat -C -t t -o begining -e", "begining", "beginning"),
        ("hadoop fs mkdir /tmp/x", "fs mkdir", "fs -mkdir"),
        ("hadoop -mkdir /tmp/x", "hadoop -mkdir", "hadoop fs -mkdir"),
        ("hdfs dfs -lss /tmp", "-lss", "-ls"),
        ("spark-submit notebooks/sword_purchase.py t", "sword_purchase.py", "sword_purchases.py"),
        ("spark-submit --master x notebooks/sword_purchases.py", "purchases.py", "purchases.py {topic}"),
    ],
)
def test_a_wrong_word_of_a_command_is_corrected(line, old, new):
    assert commands_box(f"!{line}", *line.split(), topic="t").remedy == f"!{line}".replace(old, new)


@pytest.mark.parametrize(
    "line",
    [
        "kafka-topics --create --topic t",
        "hadoop fs -mkdir /tmp/x",
        "hadoop fs -rmr /tmp/x",
        "hadoop fs -moveToLocal /tmp/x .",
        "kafkacat -C -t t -o 5",
        "spark-submit --version",
    ],
)
def test_a_command_whose_words_exist_has_another_reason(line):
    assert commands_box(f"!{line}", *line.split()) is None


def test_the_port_that_the_cell_asks_for_is_named_and_not_another_one_in_use():
    with socket.create_server(("127.0.0.1", 0)) as broker, socket.create_server(("127.0.0.1", 0)) as server:
        other, port = broker.getsockname()[1], server.getsockname()[1]
        source = f"servers = 'localhost:{other}'\nsocket.socket().bind(('127.0.0.1', {port}))"

        box = box_of(machine, failed(source, socket=socket))

    assert box.what == f"Port {port} is in use."


def test_a_column_in_a_variable_hides_no_other_value():
    condition = functions.col("n") > 1

    assert machine._size(condition) < 1000
    assert machine._size(pandas.DataFrame({"n": range(1000)})) >= 8000
    assert list(FailedCell(None, "condition", {"condition": condition}).reader_options()) == []


@pytest.mark.parametrize(
    "line", ["curl -s -w '%{http_code}' http://127.0.0.1:1/", "cat /nope | awk '{print}'", "awk '{next}' /nope"]
)
def test_braces_that_are_no_variables_of_python_are_not_explained(line):
    assert box_of(braces, FailedCell(None, f"!{line}", {}, exit_code=7, failed=[])) is None


def test_the_place_of_an_error_is_not_known_where_jupyter_runs_other_lines():
    source = "json.loads('')\njson.loads('')"
    error = failed(source, json=json).error

    assert FailedCell(error, source).place == ((1, 0), (1, 14))
    assert FailedCell(None, source).place is None
    linecache.cache["/tmp/ipykernel_1/2.py"] = (0, None, ["get_ipython().run_cell_magic('time')\n"], "")
    try:
        assert FailedCell(error, source).place is None
    finally:
        del linecache.cache["/tmp/ipykernel_1/2.py"]


def test_a_topic_with_its_option_is_not_missing_it():
    command = "kafka-topics --describe letters --topic=x"

    assert commands_box(f"!{command}", *command.split()) is None


@pytest.mark.parametrize(
    ("source", "explained"),
    [
        ("import sys\ntopic, folder = sys.argv[1:]", True),
        ("import sys\nn = int(sys.argv[1])", True),
        ("import sys\nprint(sys.argv[0], [][3])", False),
        ("import sys\nn = sys.argv[1] if sys.argv[1:] else [][0]", False),
    ],
)
def test_an_index_besides_the_arguments_of_a_program_is_another_mistake(source, explained, monkeypatch):
    monkeypatch.setattr("sys.argv", ["kernel"])

    assert (notebook.arguments_in_cell(failed(source), settings) is not None) == explained


def test_a_function_of_a_module_that_a_cell_shows_is_not_called_a_method():
    shown = {"Out": {1: functions.col}}

    assert why.method_without_parentheses(FailedCell(None, "F.col", shown, number=2), settings) is None


def test_the_program_of_spark_submit_stands_after_the_options_and_their_values():
    words = ["--remote", "sc://x", "-v", "--conf", "a=b", "--py-files", "more.py", "job.py", "t", "3"]

    assert program_and_arguments(words) == ("job.py", ["t", "3"])
    assert program_and_arguments(["--version"]) == (None, [])


@pytest.mark.parametrize(
    ("source", "remedy"),
    [
        ("%%bash\nkafkacat -P -t $topic-mixed", "kafkacat -P -t $TOPIC-mixed"),
        ("%%bash\nkafkacat -P -t $group", "%env group=readers"),
        ("%%bash\nkafkacat -b $broker -L", "kafkacat -b $BROKER -L"),
        ('%%bash\necho {"n": 5} | kafkacat -P -t t', "echo '{\"n\": 5}' | kafkacat -P -t t"),
        ('!echo {"n": 5} | kafkacat -P -t t', "%%bash\necho '{\"n\": 5}' | kafkacat -P -t t"),
        ('n = 1\n!echo {"n": 5} | kafkacat -P -t t', "!echo '{\"n\": 5}' | kafkacat -P -t t"),
    ],
)
def test_text_that_the_shell_changes_without_an_error_is_explained(source, remedy, monkeypatch):
    monkeypatch.setenv("TOPIC", "events")
    monkeypatch.setenv("BROKER", "a:1")
    variables = {"topic": "events", "group": "readers", "broker": ["a:1"]}
    cell = FailedCell(None, source, variables, exit_code=0, failed=[])

    assert is_suspect(cell)
    assert box_of(shell_text, cell).remedy == remedy


@pytest.mark.parametrize(
    "source",
    [
        "%%bash\ntopic=a\necho $topic",
        "%%bash\nfor topic in a b; do echo $topic; done",
        "%%bash\nread topic\necho $topic",
        "%%bash\nawk '{print $topic}' file",
        "%%bash\ncat <<'END'\n$topic\nEND",
        "%%bash\necho $unknown",
        "!echo $topic",
        "%%bash\necho '{\"n\": 5}' | kafkacat -P -t t",
        '%%bash\necho {\\"n\\": 5} | kafkacat -P -t t',
        '%%bash\necho {"n": 5}',
    ],
)
def test_text_that_reaches_the_command_is_not_suspect(source, monkeypatch):
    monkeypatch.setenv("PATH", str(BIN_FOLDER), prepend=os.pathsep)
    assert not is_suspect(FailedCell(None, source, {"topic": "events"}, exit_code=0, failed=[]))


def test_only_the_brokers_log_proves_that_kafka_created_a_topic_by_itself(unused):
    folder = config.data_dir(unused) / "kafka" / "evnets-0"
    folder.mkdir(parents=True)
    (folder / "partition.metadata").touch()
    log = process.log_file(unused, "kafka")
    log.parent.mkdir(parents=True, exist_ok=True)
    stamp = time.strftime("%Y-%m-%d %H:%M:%S")
    line = f"{stamp},136 INFO Sent auto-creation request for Set(evnets) to the active controller. (Manager)\n"

    assert created_topics.created_by_kafka("evnets", unused) is None
    log.with_name("kafka.log.1").write_text(line)
    assert created_topics.created_by_kafka("evnets", unused) == stamp.partition(" ")[2]
    os.utime(folder / "partition.metadata", (0, 0))  # deleted, and created again by a command at another time
    assert created_topics.created_by_kafka("evnets", unused) is None
