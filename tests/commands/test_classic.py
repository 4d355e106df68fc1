"""Spark's programs without Spark Connect: their session, HDFS, and a broker that does not answer."""

import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from eventlab.stack import filesystem
from tests.helpers import Stopwatch

PROGRAM = """
import time
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
print(type(spark).__module__, spark.range(7).count())  # Spark's own start does not count
options = {"kafka.bootstrap.servers": "127.0.0.1:1", "subscribe": "events", "startingOffsets": "earliest"}
started = time.monotonic()
try:
    spark.read.format("kafka").options(**options).load().count()
except Exception as error:
    print(f"GAVE UP AFTER {time.monotonic() - started:.1f} s, {type(error).__name__}")
started = time.monotonic()
try:
    spark.range(1).selectExpr("'a' as value").write.format("kafka").options(**options, topic="events").save()
except Exception as error:
    print(f"GAVE UP AFTER {time.monotonic() - started:.1f} s, {type(error).__name__}")
"""


TYPED = """
print(spark.range(5).count(), sc.parallelize([1, 2]).map(lambda n: n + 1).collect())
spark.range(3).write.mode('overwrite').parquet('/tmp/from-pyspark')
exec(open({program!r}).read())
"""


@pytest.fixture(scope="module")
def outputs(stack, tmp_path_factory):
    """Run the program with `spark-submit`, and type it into `pyspark`; return both results, and the speed."""
    folder = tmp_path_factory.mktemp("classic")
    program, typed = folder / "program.py", folder / "typed.py"
    program.write_text(PROGRAM)
    typed.write_text(TYPED.format(program=str(program)))
    commands = [f"spark-submit {program}", f"PYSPARK_DRIVER_PYTHON_OPTS=-i pyspark < {typed}"]

    taken = Stopwatch()
    with ThreadPoolExecutor(2) as pool:  # both wait most of the time
        submitted, shell = pool.map(run, commands)
    return SimpleNamespace(submitted=submitted, shell=shell, speed=taken.speed)


def run(command):
    """Run a command line."""
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True, input="", timeout=120)


def test_spark_submit_without_a_server_is_classic_although_the_token_is_set(outputs):
    assert os.environ["SPARK_CONNECT_AUTHENTICATE_TOKEN"]

    assert "pyspark.sql.session 7" in outputs.submitted.stdout, outputs.submitted.stderr


def test_pyspark_has_spark_and_reads_hdfs(outputs):
    assert "5 [2, 3]" in outputs.shell.stdout, outputs.shell.stderr
    assert "_SUCCESS" in filesystem.names("/tmp/from-pyspark")


def test_a_program_of_spark_gives_up_soon_when_no_broker_answers(outputs):
    for done in (outputs.submitted, outputs.shell):
        seconds = [float(text) for text in re.findall(r"GAVE UP AFTER ([\d.]+) s", done.stdout)]
        assert len(seconds) == 2, (done.args, done.stdout, done.stderr)
        assert max(seconds) * outputs.speed < 15
