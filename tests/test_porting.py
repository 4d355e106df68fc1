"""Programs as the original course's students wrote them run here, with their host names changed and the edits that
`stack/PORTING.md` lists; without these edits they fail as it says.

The programs of `tests/porting/original` are in that style and have its host names: kafka:29092, hdfs://cloudera.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import httpx
import nbformat
import pytest

from eventlab.settings import ROOT
from eventlab.stack import filesystem
from tests.porting import lines
from tests.stacks import free_port

ORIGINAL = ROOT / "tests" / "porting" / "original"
PORTING = ROOT / "stack" / "PORTING.md"

TYPED_UDF = [
    ('@udf("boolean")', "@udf(BooleanType())"),
    ('@udf("string")', "@udf(StringType())"),
    (
        "from pyspark.sql.functions import",
        "from pyspark.sql.types import BooleanType, StringType\nfrom pyspark.sql.functions import",
    ),
]
BY_NAME = [
    ("Row(timestamp=r.timestamp, **json.loads(r.munged))", "dict(json.loads(r.munged), timestamp=r.timestamp)"),
    (".toDF()", ".toDF(sampleRatio=1.0)"),
]
SPARK_PROGRAMS = (
    "extract_events.py",
    "just_filtering.py",
    "separate_events.py",
    "write_swords_stream.py",
)


class Folder:
    """A folder of ported programs: host names changed, and the topic and HDFS folder made this test's own."""

    def __init__(self, path, stack, topic):
        self.path, self.topic, self.files = path, topic, f"/tmp/{topic}/"
        self.hosts = [
            ("kafka:29092", stack.bootstrap_servers),
            ("hdfs://cloudera", ""),
            ('"events"', f'"{topic}"'),
            ("/tmp/", self.files),
        ]

    def port(self, program, edits=(), name=None):
        text = (ORIGINAL / program).read_text()
        for old, new in [*self.hosts, *edits]:
            text = text.replace(old, new)
        target = self.path / (name or program)
        target.write_text(text)
        return str(target)


def run(*words, cwd, **environment):
    return subprocess.run(
        words, capture_output=True, text=True, timeout=200, cwd=cwd, env={**os.environ, **environment}
    )


@pytest.fixture(scope="module")
def folder(stack, tmp_path_factory):
    return Folder(tmp_path_factory.mktemp("ported"), stack, f"ported-{os.getpid()}-{int(time.time())}")


@pytest.fixture(scope="module")
def shop(folder):
    """The original API under `flask run`; two users play, and its first message makes the topic."""
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
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            wait_for(lambda: client.get("/purchase_a_knife"))
            answers = [
                client.get(path, headers={"Host": host, "User-Agent": "ApacheBench/2.3"})
                for host in ("user1.comcast.com", "user2.att.com")
                for path in ("/", "/purchase_a_sword")
                for _ in range(10)
            ]
        wait_for(lambda: len(events(folder.topic)) == 41 or 1 / 0)
        yield answers
    finally:
        server.terminate()
        server.wait(10)


def wait_for(ask, patience_s=30):
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return ask()
        except (httpx.HTTPError, ArithmeticError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def events(topic):
    done = run("kafkacat", "-C", "-t", topic, "-o", "beginning", "-e", "-q", cwd=None)
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def ported(folder, shop):
    """Every Spark program once, in one Spark; its output by program."""
    programs = [folder.port(program, TYPED_UDF) for program in SPARK_PROGRAMS]
    by_name = [*TYPED_UDF, *BY_NAME, (folder.files, folder.files + "by_name/")]
    programs.append(folder.port("separate_events.py", by_name, "by_name.py"))
    done = run("spark-submit", str(ROOT / "tests/porting/run_programs.py"), *programs, cwd=folder.path)
    assert done.returncode == 0, done.stderr[-3000:]
    parts = [part.partition("\n") for part in done.stdout.split("--- ")[1:]]
    return SimpleNamespace(output={name: text for name, _, text in parts}, errors=done.stderr)


@pytest.fixture(scope="module")
def read(ported, folder):
    """Rows of a Parquet folder that the programs wrote, through the stack's Spark."""
    from pyspark.sql import SparkSession

    spark = SparkSession.builder.remote(os.environ["SPARK_REMOTE"]).create()
    yield lambda name: spark.read.parquet(folder.files + name).toPandas()
    spark.stop()


def test_the_original_api_runs_and_its_first_message_makes_the_topic(folder, shop):
    assert {answer.text for answer in shop} == {"This is the default response!\n", "Sword Purchased!\n"}
    assert events(folder.topic)[0]["description"] == "very sharp knife"


def test_just_filtering_prints_the_20_sword_purchases(ported):
    printed = ported.output["just_filtering.py"]

    assert "sword purchases: 20" in printed
    assert printed.count("|purchase_sword|") == 20
    assert " |-- timestamp: string (nullable = true)" in printed


def test_extract_events_writes_every_event(ported, read):
    assert "extracted: 41" in ported.output["extract_events.py"]
    assert len(read("extracted_events")) == 41


def test_separate_events_writes_a_folder_a_type(ported, read):
    swords = read("by_name/sword_purchases")

    assert "| moe|  41|" in ported.output["by_name.py"]
    assert len(read("by_name/default_hits")) == 20
    assert len(swords) == 20
    assert set(swords.description) == {"long sword"}


def test_row_from_a_dictionary_in_its_place_loses_the_swords_without_an_error(read):
    """Their keys come in another order than the first event's, and Row no longer sorts them."""
    assert len(read("default_hits")) == 20
    assert len(read("sword_purchases")) == 0


def test_the_stream_writes_the_20_sword_purchases(folder, read):
    streamed = read("streamed_sword_purchases")

    assert sorted(set(streamed.Host)) == ["user1.comcast.com", "user2.att.com"]
    assert len(streamed) == 20
    assert "commits" in filesystem.names(folder.files + "checkpoints_for_sword_purchases")


def test_the_programs_output_is_not_drowned_in_log_lines(ported):
    noise = [
        line
        for line in ported.errors.splitlines()
        if not line.startswith("WARNING: Using incubator modules")
        and "registerTempTable" not in line
        and "createOrReplaceTempView" not in line
    ]

    assert noise == []


def test_a_udf_with_a_type_by_name_fails_before_there_is_a_session(folder, shop):
    done = run("spark-submit", folder.port("just_filtering.py", name="unedited.py"), cwd=folder.path)

    assert done.returncode != 0
    assert "[SESSION_OR_CONTEXT_NOT_EXISTS]" in done.stdout  # where Spark sends a program's standard error
    assert "[SESSION_OR_CONTEXT_NOT_EXISTS]" in PORTING.read_text()


def test_a_notebook_of_pyspark_has_spark_and_can_make_hive_tables(folder, ported, tmp_path):
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


def errors_now(words, group, cwd):
    done = run(*words, str(ROOT / "tests/porting/lines.py"), group, cwd=cwd)
    found = [line for line in done.stdout.splitlines() if line.startswith("JSON:")]
    assert found, done.stderr[-3000:]
    return json.loads(found[0].removeprefix("JSON:"))


@pytest.mark.parametrize("group", ["classic", "connect", "kafka"])
def test_what_old_lines_do_on_the_stack_is_what_the_list_says(stack, tmp_path, group):
    words = ["spark-submit"] if group == "classic" else [sys.executable]

    assert_as_expected(errors_now(words, group, tmp_path), lines.GROUPS[group])


def test_what_old_lines_do_in_python_is_what_the_list_says(tmp_path):
    assert_as_expected(errors_now([sys.executable], "libraries", tmp_path), lines.LIBRARIES)


def assert_as_expected(now, expected):
    wrong = {
        line: now[line]
        for line, error in expected.items()
        if error not in now[line] or bool(error) != bool(now[line])
    }
    assert wrong == {}


@pytest.mark.parametrize("group", lines.GROUPS)
def test_every_line_and_its_error_are_in_the_list(group):
    text = PORTING.read_text()

    assert [line for line in lines.GROUPS[group] if line not in text] == []
    assert [error for error in lines.GROUPS[group].values() if error not in text] == []
