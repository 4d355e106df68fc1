"""Programs of the original course's students run with the edits of `stack/PORTING.md`, and fail without them.

The programs of `tests/porting/original` are in their style, with the host names kafka:29092 and hdfs://cloudera.
"""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import httpx
import nbformat
import pytest

from eventlab.clients import kafka
from eventlab.settings import ROOT
from eventlab.stack import filesystem
from tests.helpers import first_group, wait_until
from tests.porting import lines
from tests.stacks import free_port

ORIGINAL = ROOT / "tests" / "porting" / "original"
PORTING = ROOT / "stack" / "PORTING.md"
SAME_EDITS = ROOT / "stack" / "porting.sed"

BY_NAME = [
    ("Row(timestamp=r.timestamp, **json.loads(r.munged))", "dict(json.loads(r.munged), timestamp=r.timestamp)"),
    (".toDF()", ".toDF(sampleRatio=1.0)"),
]
SPARK_PROGRAMS = (
    "extract_events.py",
    "just_filtering.py",
    "separate_events.py",
    "write_swords_stream.py",
    "write_two_streams.py",
    "stream_then_table.py",
)
UNEDITED = "with_a_type_by_name.py"
LINES = ROOT / "tests" / "porting" / "lines.py"


class Folder:
    """A folder of ported programs, with other host names, another topic and another folder of HDFS."""

    def __init__(self, path, stack, topic):
        self.path, self.topic, self.files = path, topic, f"/tmp/{topic}/"
        self.names = [
            ("127.0.0.1:29092", stack.bootstrap_servers),
            ('"events"', f'"{topic}"'),
            ("/tmp/", self.files),
        ]

    def port(self, program, edits=(), name=None):
        """Write a program with the edits of porting.sed and further ones, and return its path."""
        text = edited((ORIGINAL / program).read_text())
        for old, new in [*self.names, *edits]:
            text = text.replace(old, new)
        target = self.path / (name or program)
        target.write_text(text)
        return str(target)


def edited(text):
    """Return a text with the edits of porting.sed."""
    return subprocess.run(
        ["sed", "-E", "-f", str(SAME_EDITS)], input=text, capture_output=True, text=True, check=True
    ).stdout


def run(*command, cwd, **environment):
    """Run a command with further variables."""
    return subprocess.run(
        command, capture_output=True, text=True, timeout=200, cwd=cwd, env={**os.environ, **environment}
    )


@pytest.fixture(scope="module")
def folder(stack, tmp_path_factory):
    """Return a folder for ported programs."""
    return Folder(tmp_path_factory.mktemp("ported"), stack, f"ported-{os.getpid()}-{int(time.time())}")


@pytest.fixture(scope="module")
def shop(folder):
    """Run the original API with `flask run`, call it as two users, and return the responses."""
    port = free_port()
    folder.port("game_api.py")
    server = subprocess.Popen(
        [sys.executable, "-m", "flask", "run", "--host", "127.0.0.1", "--port", str(port)],
        cwd=folder.path,
        env={**os.environ, "FLASK_APP": "game_api.py"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}", trust_env=False, verify=False, timeout=60
        ) as client:
            wait_until(lambda: answers(client))  # with one event: an answer that is late would be one more
            responses = [
                client.get(path, headers={"Host": host, "User-Agent": "ApacheBench/2.3"})
                for host in ("user1.comcast.com", "user2.att.com")
                for path in ("/", "/purchase_a_sword")
                for _ in range(10)
            ]
        wait_until(lambda: len(events(folder.topic)) == 41)
        yield responses
    finally:
        server.terminate()
        server.wait(60)


def answers(client):
    """Return whether the API answers."""
    try:
        return client.get("/purchase_a_knife").status_code == 200
    except httpx.TransportError:
        return False


def events(topic):
    """Return the events of the topic."""
    return [json.loads(record.value) for record in kafka.read_topic(os.environ["KAFKA_BOOTSTRAP_SERVERS"], topic)]


@pytest.fixture(scope="module")
def ported(folder, shop):
    """Run all Spark programs in one JVM; return their outputs and the JVM's errors."""
    unedited = folder.port("just_filtering.py", [("@udf(BooleanType())", '@udf("boolean")')], UNEDITED)
    programs = [folder.port(program) for program in SPARK_PROGRAMS]
    by_name = [*BY_NAME, (folder.files, folder.files + "by_name/")]
    programs.append(folder.port("separate_events.py", by_name, "by_name.py"))
    run_programs = str(ROOT / "tests/porting/run_programs.py")
    done = run("spark-submit", run_programs, unedited, str(LINES), *programs, cwd=folder.path)
    filesystem.delete("/tmp/t")  # one of the lines writes it
    assert done.returncode == 0, done.stderr[-3000:]
    parts = [part.partition("\n") for part in done.stdout.split("--- ")[1:]]
    output = {name: text for name, _, text in parts}
    return SimpleNamespace(output=output, errors=done.stderr)


@pytest.fixture(scope="module")
def spark(stack):
    """Open a session of Spark Connect."""
    from pyspark.sql import SparkSession

    session = SparkSession.builder.remote(os.environ["SPARK_REMOTE"]).create()
    yield session
    session.stop()


@pytest.fixture(scope="module")
def read(ported, folder, spark):
    """Return a function that reads a folder that the programs wrote."""
    return lambda name: spark.read.parquet(folder.files + name).toPandas()


@pytest.mark.programs
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("docker-compose exec mids ab -n 10 http://localhost:5000/", "ab -n 10 http://localhost:5000/"),
        (
            "docker-compose exec kafka kafka-topics --create --topic events --zookeeper zookeeper:32181",
            "kafka-topics --create --topic events --bootstrap-server 127.0.0.1:29092",
        ),
        ('spark.read.parquet("hdfs://cloudera:8020/tmp/swords")', 'spark.read.parquet("/tmp/swords")'),
        ("@udf('integer')", "@udf(IntegerType())"),
    ],
)
def test_the_edits_that_are_the_same_in_every_project_are_a_sed_script(line, expected):
    assert edited(line) == expected


@pytest.mark.programs
def test_a_program_that_catches_a_missing_broker_can_be_imported_after_the_edits():
    names: dict[str, type] = {}
    exec(edited("from kafka.errors import NoBrokersAvailable"), names)

    assert names["NoBrokersAvailable"].__name__ == "KafkaTimeoutError"


def test_the_original_api_runs_and_its_first_message_creates_the_topic(folder, shop):
    assert {answer.text for answer in shop} == {"This is the default response!\n", "Sword Purchased!\n"}
    assert events(folder.topic)[0]["description"] == "very sharp knife"


def test_just_filtering_prints_the_20_sword_purchases(ported):
    printed = ported.output["just_filtering.py"]

    assert "sword purchases: 20" in printed
    assert printed.count("|purchase_sword|") == 20
    assert " |-- timestamp: string (nullable = true)" in printed


def test_extract_events_writes_all_events(ported, read):
    assert "extracted: 41" in ported.output["extract_events.py"]
    assert len(read("extracted_events")) == 41


def test_separate_events_writes_one_folder_per_event_type(ported, read):
    swords = read("by_name/sword_purchases")

    assert "| moe|  41|" in ported.output["by_name.py"]
    assert len(read("by_name/default_hits")) == 20
    assert len(swords) == 20
    assert set(swords.description) == {"long sword"}


def test_rows_of_dictionaries_lose_the_swords_without_an_error(read):
    """Their keys have another order than those of the first event, and Row no longer sorts them."""
    assert len(read("default_hits")) == 20
    assert len(read("sword_purchases")) == 0


def test_the_stream_writes_the_20_sword_purchases(folder, read):
    streamed = read("streamed_sword_purchases")

    assert sorted(set(streamed.Host)) == ["user1.comcast.com", "user2.att.com"]
    assert len(streamed) == 20
    assert "commits" in filesystem.names(folder.files + "checkpoints_for_sword_purchases")


def test_two_streams_write_to_two_sinks(read):
    assert len(read("streamed_swords")) == 20
    assert len(read("streamed_visits")) == 20


def test_a_stream_fills_the_table_that_was_made_before_it(ported):
    printed = ported.output["stream_then_table.py"]

    rows = re.findall(r"\| *(user\S+)\| *(\d+)\|", printed)

    assert rows == [("user1.comcast.com", "10"), ("user2.att.com", "10")]


def test_the_programs_print_no_log_lines(ported):
    start, of_lines, rest = ported.errors.partition("--- lines\n")
    _, of_programs, errors = rest.partition("--- programs\n")
    unexpected = [
        line
        for line in (start + errors).splitlines()
        if not line.startswith("WARNING: Using incubator modules")
        and "registerTempTable" not in line
        and "createOrReplaceTempView" not in line
    ]

    assert of_lines
    assert of_programs
    assert unexpected == []


def test_a_udf_with_a_type_by_name_fails_before_there_is_a_session(ported):
    assert ported.output[UNEDITED].startswith("failed: ")
    assert "[SESSION_OR_CONTEXT_NOT_EXISTS]" in ported.output[UNEDITED]
    assert "[SESSION_OR_CONTEXT_NOT_EXISTS]" in PORTING.read_text()


def test_a_notebook_of_pyspark_has_spark_and_can_create_hive_tables(folder, ported, tmp_path):
    folder_of_swords = [(folder.files, folder.files + "by_name/")]
    cells = Path(folder.port("query_purchases.py", folder_of_swords)).read_text().split("# %%\n")[1:]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbformat.write(notebook, tmp_path / "query.ipynb")
    driver = {
        "PYSPARK_DRIVER_PYTHON": "jupyter",
        "PYSPARK_DRIVER_PYTHON_OPTS": "nbconvert --to notebook --execute --stdout query.ipynb",
    }

    done = run("pyspark", cwd=tmp_path, **driver)

    assert "by host: 20 in local[*]" in done.stdout, done.stderr[-3000:]
    assert "in the table: 20" in done.stdout


@pytest.mark.parametrize("group", ["classic", "kafka"])
def test_old_lines_have_the_listed_errors_under_spark_submit(ported, group):
    errors = json.loads(first_group(rf"(?m)^{group}:(.*)$", ported.output[LINES.name]))

    assert_errors(errors, lines.GROUPS[group])


@pytest.mark.filterwarnings("ignore")
def test_old_lines_have_the_listed_errors_in_a_session_of_spark_connect(spark):
    names = lines.spark_names(spark)

    assert_errors({line: lines.error_of(line, names) for line in lines.CONNECT}, lines.CONNECT)


@pytest.mark.filterwarnings("ignore")
def test_old_lines_have_the_listed_errors_in_python():
    names = lines.library_names()

    assert_errors({line: lines.error_of(line, names) for line in lines.LIBRARIES}, lines.LIBRARIES)


def assert_errors(errors, expected):
    wrong = {
        line: errors[line]
        for line, error in expected.items()
        if error not in errors[line] or bool(error) != bool(errors[line])
    }
    assert wrong == {}


@pytest.mark.parametrize("group", lines.GROUPS)
def test_all_lines_and_their_errors_are_in_the_list(group):
    text = PORTING.read_text()

    assert [line for line in lines.GROUPS[group] if line not in text] == []
    assert [error for error in lines.GROUPS[group].values() if error not in text] == []
