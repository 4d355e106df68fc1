"""Run programs one after another in one JVM: `spark-submit run_programs.py unedited.py lines.py extract.py ...`.

The first program runs before there is a session, and its error is printed. The second one stops its session. The
others share one with Hive's tables. The streams that they wait for (`awaitTermination`) are stopped when they have
read all messages.
"""

import runpy
import sys
import threading
import time
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession


def run(program):
    """Print the name of a program, and run it."""
    print(f"--- {Path(program).name}", flush=True)
    runpy.run_path(program, run_name="__main__")


def stop_streams(spark):
    """Stop each stream when it has read all messages."""
    while True:
        for query in spark.streams.active:
            query.processAllAvailable()
            query.stop()
        time.sleep(0.2)


unedited, lines, *programs = sys.argv[1:]
try:
    run(unedited)
except Exception as error:
    print(f"failed: {error}", flush=True)
run(lines)
session = SparkSession.builder.enableHiveSupport().getOrCreate()
jvm: Any = session.sparkContext._jvm
jvm.java.lang.System.err.println("--- programs")  # Python's standard error is elsewhere
threading.Thread(target=stop_streams, args=(session,), daemon=True).start()
for program in programs:
    run(program)
