"""A notebook of its own, in a real kernel, and one stack that is broken and mended in it."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from jupyter_client.manager import KernelManager

from eventlab.explain.explanation import INSTEAD, MIME
from eventlab.settings import ROOT, Settings
from eventlab.stack import Stack
from tests.stacks import free_settings

Box = dict[str, str]
CALM = "from eventlab.explain import hook; hook.LIMIT_S = 30  # a busy machine is no reason to see no box"

WHY_NOT = """
import sys, traceback
from eventlab.explain import registry, failure
from eventlab.settings import settings
for explain in registry.explanations():
    try:
        explain(failure.Failure(sys.last_value, In[-2], globals()), settings)
    except Exception:
        traceback.print_exc(limit=-4)
"""


class Notebook:
    """Cells run one after the other, as a learner does."""

    def __init__(self, environment: dict[str, str], first: str = "", kernel: str = "python3", python: str = ""):
        """kernel: its name as Jupyter knows it; python: another interpreter than that kernel's."""
        self.manager = KernelManager(kernel_name=kernel)
        if python:
            assert self.manager.kernel_spec
            self.manager.kernel_spec.argv[0] = python
        self.manager.start_kernel(env=environment, cwd=str(ROOT))
        self.client = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)
        self.outputs: list[dict] = []
        self.runs(f"%load_ext eventlab\n{CALM}\n{first}")

    def run(self, source: str) -> Box | None:
        """Run the cell; what its box says, None when there is no box."""
        self.outputs = []
        self.reply = self.client.execute_interactive(
            source, timeout=120, output_hook=self.outputs.append, stop_on_error=False
        )["content"]
        shown = [each["content"].get("data", {}) for each in self.outputs if each["msg_type"] == "display_data"]
        boxes = [data[MIME] for data in shown if MIME in data]
        assert len(boxes) <= 1, boxes
        return boxes[0] if boxes else None

    @property
    def printed(self) -> str:
        return "".join(each["content"]["text"] for each in self.outputs if each["msg_type"] == "stream")

    @property
    def value(self) -> str:
        shown = [each for each in self.outputs if each["msg_type"] == "execute_result"]
        return shown[-1]["content"]["data"]["text/plain"] if shown else ""

    def runs(self, source: str) -> str:
        """Run a cell that is to end well and without a box; what it printed."""
        box = self.run(source)
        assert self.reply["status"] == "ok", self.reply.get("traceback")
        assert box is None, box
        return self.printed

    def fails(self, source: str) -> Box:
        """Run a cell that is to end with an error and a box below it."""
        box = self.run(source)
        assert self.reply["status"] == "error", self.printed
        error = self.reply
        assert box, (error["ename"], error["evalue"][:1500], self.run(WHY_NOT), self.printed)
        kinds = [each["msg_type"] for each in self.outputs]
        assert kinds.index("error") < kinds.index("display_data")
        return box

    def is_mended(self, source: str, box: Box) -> None:
        """Do what the box says, then run the cell once more: it ends well."""
        if box["where"] == INSTEAD:
            source = instead(source, box["remedy"])
        else:
            self.run(box["remedy"])
            assert self.reply["status"] == "ok", self.reply
            told = self.printed
            self.run("_exit_code")
            assert not box["remedy"].startswith("!") or self.value == "0", told
        self.runs(source)

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


def instead(source: str, line: str) -> str:
    """The cell with the line in the place of the one that it is most like."""
    lines = source.split("\n")
    old = max(lines, key=lambda each: difflib.SequenceMatcher(None, each.strip(), line).ratio())
    pad = old[: len(old) - len(old.lstrip())]
    return "\n".join(pad + line if each == old else each for each in lines)


@pytest.fixture(scope="session")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A stack that these tests break, service by service."""
    own = free_settings(tmp_path_factory.mktemp("explain") / "state")
    try:
        Stack(own).up()
        yield own
    finally:
        Stack(own, grace_s=2).down()


def environment_of(settings: Settings) -> dict[str, str]:
    return os.environ | {
        "EVENTLAB_PORT_OFFSET": str(settings.port_offset),
        "EVENTLAB_STATE_DIR": str(settings.state_dir),
        "EVENTLAB_SETTINGS_FILE": "",
    }


@pytest.fixture(scope="module")
def open_notebook() -> Iterator[Callable[..., Notebook]]:
    """Opens further notebooks; all are closed when the module is done."""
    opened: list[Notebook] = []

    def open_one(
        settings: Settings, first: str = "", kernel: str = "python3", python: str = "", **environment: str
    ) -> Notebook:
        opened.append(Notebook(environment_of(settings) | environment, first, kernel, python))
        return opened[-1]

    yield open_one
    for each in opened:
        each.close()


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
    quick = {"kafka.default.api.timeout.ms": "3000", "kafka.request.timeout.ms": "2000"}
    options = {"kafka.bootstrap.servers": broker, "subscribe": topic, "startingOffsets": "earliest"} | quick
    return reader.format("kafka").options(**options).load()
"""


@pytest.fixture(scope="module")
def notebook(broken: Settings, open_notebook: Callable[..., Notebook]) -> Notebook:
    """A notebook on that stack, with a Spark session."""
    return open_notebook(broken, CONNECT + SPARK)


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    """Settings of a stack that never ran."""
    return Settings(port_offset=6100, state_dir=tmp_path / "state")
