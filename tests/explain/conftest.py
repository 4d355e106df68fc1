"""Notebooks in real kernels, and one stack whose services the tests stop and start again."""

from __future__ import annotations

import difflib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from jupyter_client.manager import KernelManager

from eventlab.clients import kafka
from eventlab.explain.explanation import INSTEAD, MIME, REPLACE_LINE
from eventlab.settings import ROOT, Settings
from eventlab.stack import Stack
from tests.stacks import free_settings

Box = dict[str, str]
LONG_TIME_LIMIT = "from eventlab.explain import hook; hook.TIME_LIMIT_S = 30  # for a busy machine"

SHOW_ERRORS_OF_EXPLANATIONS = """
import logging, sys
from eventlab.explain import failed_cell, registry
logging.basicConfig(level=logging.DEBUG, stream=sys.stdout)
registry.explain(failed_cell.FailedCell(sys.last_value, In[-2], globals()))
"""

CLEAR = """
import contextlib, gc
from kafka import KafkaConsumer, KafkaProducer
from pyspark.sql.connect.session import SparkSession
for found in gc.get_objects():
    if type(found) in (KafkaConsumer, KafkaProducer):
        with contextlib.suppress(AttributeError):  # its constructor has failed
            found.close()
    elif type(found) is SparkSession and not found.is_stopped:
        found.stop()
get_ipython().reset()
"""


class Notebook:
    """A kernel that runs cells one after the other, as a learner does."""

    def __init__(self, environment: dict[str, str], first: str = "", kernel: str = "python3", python: str = ""):
        """Start the kernel and load the extension.

        Args:
            environment: The kernel's environment variables.
            first: Code that runs in the first cell, after the extension is loaded.
            kernel: The name of the Jupyter kernel.
            python: The interpreter to use instead of the kernel's.
        """
        self.manager = KernelManager(kernel_name=kernel)
        if python:
            assert self.manager.kernel_spec
            self.manager.kernel_spec.argv[0] = python
        self.manager.start_kernel(env=environment, cwd=str(ROOT))
        self.client = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)
        self.outputs: list[dict] = []
        self.assert_runs(f"%load_ext eventlab\n{LONG_TIME_LIMIT}\n{first}")

    def clear(self, first: str) -> None:
        """Make this a new notebook in the same kernel: without variables, earlier cells, clients and sessions."""
        self.run(CLEAR)
        assert self.reply["status"] == "ok", self.reply.get("traceback")
        self.assert_runs(f"%reload_ext eventlab\n{LONG_TIME_LIMIT}\n{first}")

    def run(self, source: str) -> Box | None:
        """Run the cell and return the data of its box, or None if there is no box."""
        self.outputs = []
        self.reply = self.client.execute_interactive(
            source, timeout=120, output_hook=self.outputs.append, stop_on_error=False
        )["content"]
        displayed = [output["content"].get("data", {}) for output in self.of_type("display_data")]
        boxes = [data[MIME] for data in displayed if MIME in data]
        assert len(boxes) <= 1, boxes
        return boxes[0] if boxes else None

    def of_type(self, message_type: str) -> list[dict]:
        """Return the outputs of the last cell of one type."""
        return [output for output in self.outputs if output["msg_type"] == message_type]

    @property
    def printed(self) -> str:
        """Return what the last cell printed."""
        return "".join(output["content"]["text"] for output in self.of_type("stream"))

    @property
    def value(self) -> str:
        """Return the text of the last cell's result."""
        results = self.of_type("execute_result")
        return results[-1]["content"]["data"]["text/plain"] if results else ""

    def assert_runs(self, source: str) -> str:
        """Run a cell that must succeed without a box, and return what it printed."""
        box = self.run(source)
        assert self.reply["status"] == "ok", self.reply.get("traceback")
        assert box is None, box
        return self.printed

    def assert_fails(self, source: str) -> Box:
        """Run a cell that must fail with a box below the error, and return the box."""
        box = self.run(source)
        assert self.reply["status"] == "error", self.printed
        error = self.reply
        assert box, (error["ename"], error["evalue"][:1500], self.run(SHOW_ERRORS_OF_EXPLANATIONS), self.printed)
        types = [output["msg_type"] for output in self.outputs]
        assert types.index("error") < types.index("display_data")
        return box

    def assert_fixed(self, source: str, box: Box) -> None:
        """Apply the remedy of the box, then run the cell again; it must succeed."""
        if box["instruction"].startswith(REPLACE_LINE):
            source = with_line(source, box["remedy"])
        elif box["instruction"] == INSTEAD:
            source = box["remedy"]
        else:
            self.run(box["remedy"])
            assert self.reply["status"] == "ok", self.reply
            printed = self.printed
            self.run("_exit_code")
            assert not box["remedy"].startswith("!") or self.value == "0", printed
        self.assert_runs(source)

    def close(self) -> None:
        """Shut down the kernel."""
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


def with_line(source: str, line: str) -> str:
    """Replace the most similar line of the cell by the line."""
    lines = source.split("\n")
    old = max(lines, key=lambda text: difflib.SequenceMatcher(None, text.strip(), line).ratio())
    indentation = old[: len(old) - len(old.lstrip())]
    return source.replace(old, indentation + line)


@pytest.fixture(scope="package")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of a running stack whose services the tests stop."""
    settings = free_settings(tmp_path_factory.mktemp("explain") / "state")
    try:
        Stack(settings).up()
        yield settings
    finally:
        Stack(settings, grace_s=2).down()


def environment_of(settings: Settings) -> dict[str, str]:
    """Return the environment of a kernel with these settings."""
    return os.environ | {
        "EVENTLAB_PORT_OFFSET": str(settings.port_offset),
        "EVENTLAB_STATE_DIR": str(settings.state_dir),
        "EVENTLAB_SETTINGS_FILE": "",
    }


@pytest.fixture(scope="module")
def open_notebook() -> Iterator[Callable[..., Notebook]]:
    """Return a function that opens notebooks; they are closed at the end of the module."""
    opened: list[Notebook] = []

    def open_one(
        settings: Settings, first: str = "", kernel: str = "python3", python: str = "", **environment: str
    ) -> Notebook:
        opened.append(Notebook(environment_of(settings) | environment, first, kernel, python))
        return opened[-1]

    yield open_one
    for notebook in opened:
        notebook.close()


CONNECT = """
from eventlab import course
from eventlab.settings import settings
course.connect()
broker = settings.bootstrap_servers
"""
SPARK = """
from pyspark.sql import Row, SparkSession
from pyspark.sql import functions as F
spark = SparkSession.builder.getOrCreate()

def read(topic, reader=None):
    reader = reader or spark.read
    options = {"kafka.bootstrap.servers": broker, "subscribe": topic, "startingOffsets": "earliest"}
    return reader.format("kafka").options(**options).load()
"""


@pytest.fixture(scope="package")
def shared_kernel(broken: Settings) -> Iterator[Notebook]:
    """Return a notebook whose kernel all modules use: a kernel with a Spark session takes three seconds."""
    notebook = Notebook(environment_of(broken), CONNECT + SPARK)
    yield notebook
    notebook.close()


@pytest.fixture(scope="module")
def notebook(broken: Settings, shared_kernel: Notebook) -> Notebook:
    """Return a new notebook on the stack of `broken`, with a Spark session; all services run."""
    Stack(broken).up()
    shared_kernel.clear(CONNECT + SPARK)
    return shared_kernel


@pytest.fixture
def unused(tmp_path: Path) -> Settings:
    """Return settings of a stack that was never started."""
    return free_settings(tmp_path / "state")


WHISPERS = """
import json
from kafka import KafkaConsumer, KafkaProducer
producer = KafkaProducer(bootstrap_servers=broker)
for number in range(3):
    producer.send("whispers", json.dumps({"n": number}).encode())
producer.flush()
sales = spark.createDataFrame([("purchase_sword", 1), ("purchase_knife", 2)], ["event_type", "n"])
sales.createOrReplaceTempView("sales")
"""


@pytest.fixture(scope="module")
def whispers(notebook, broken):
    """Send three messages and create a table; yield the notebook, and delete the topics afterwards."""
    for topic in ("whispers", "hush"):
        kafka.create_topic(broken.bootstrap_servers, topic)
    notebook.assert_runs(WHISPERS)
    yield notebook
    kafka.delete_topics(broken.bootstrap_servers, ["whispers", "hush"])


def why(notebook, cell):
    """Run a cell that shows nothing, then `%why`, and return its box."""
    notebook.run(cell)
    assert notebook.reply["status"] == "ok", notebook.reply
    box = notebook.run("%why")
    assert notebook.reply["status"] == "ok", notebook.reply
    assert box, notebook.printed
    return box


def fixed(notebook, cell, box):
    """Do what the box says, and run the cell again."""
    if box["instruction"].startswith(REPLACE_LINE):
        return notebook.run(with_line(cell, box["remedy"]))
    notebook.run(box["remedy"])
    assert notebook.reply["status"] == "ok", notebook.reply
    return notebook.run(cell)


def in_a_terminal(settings, *words):
    """Run `eventlab why` with the words of a command."""
    command = [sys.executable, "-m", "eventlab.cli", "why", *words]
    return subprocess.run(command, env=environment_of(settings), capture_output=True, text=True, timeout=120)
