"""The commands of Kafka and Spark when no broker answers: they give up soon."""

import os
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from eventlab.commands import tools
from eventlab.stack.environment import BIN_FOLDER
from tests.helpers import Stopwatch


def run(*arguments):
    """Run a command."""
    return subprocess.run(arguments, capture_output=True, text=True, input="", timeout=120)


@pytest.mark.services
def test_a_kafka_tool_gives_up_soon_when_no_broker_answers(stack):
    def timed(*options):
        started = time.monotonic()
        return run(BIN_FOLDER / "kafka-topics", "--list", *options), time.monotonic() - started

    taken = Stopwatch()
    with ThreadPoolExecutor(2) as pool:  # at the same time, because Java starts slowly on a busy machine
        answering = pool.submit(timed)
        done, waited_s = timed("--bootstrap-server", "127.0.0.1:1")
        answered, answered_s = answering.result()
    speed = taken.speed

    assert answered.returncode == 0
    assert done.returncode == 1
    assert "Timed out" in done.stdout + done.stderr
    assert "\tat " not in done.stderr
    assert (waited_s - answered_s) * speed < 12  # Kafka's default is 60 s


def test_spark_submit_says_before_the_start_that_no_broker_answers(settings, tmp_path):
    nowhere = settings.model_copy(update={"external_bootstrap_servers": "127.0.0.1:1"})
    program, other = tmp_path / "reads.py", tmp_path / "other.py"
    program.write_text("spark.read.format('kafka')")
    other.write_text("print(1)")

    assert tools.spark_submit(nowhere, "spark-submit", [str(program)]).notes == (
        "no Kafka broker answers at 127.0.0.1:1 (next: eventlab up kafka)",
    )
    assert tools.spark_submit(nowhere, "spark-submit", [str(other)]).notes == ()


def test_a_program_that_cannot_be_read_is_sparks_error(settings, tmp_path):
    (tmp_path / "locked.py").write_text("kafka")
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "locked.py").chmod(0)

    assert tools.spark_submit(settings, "spark-submit", [str(tmp_path / "folder.py"), "\0.py"]).notes == ()
    assert tools.mentions_kafka(tmp_path / "locked.py") is (os.geteuid() == 0)  # root reads every file
