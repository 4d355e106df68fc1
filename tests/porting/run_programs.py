"""Run programs one after another in one Spark: `spark-submit run_programs.py just_filtering.py ...`.

The streams that a program waits for (`awaitTermination`) are stopped when they have read all messages.
"""

import runpy
import sys
import threading
import time
from pathlib import Path

from pyspark.sql import SparkSession

spark = SparkSession.builder.enableHiveSupport().getOrCreate()


def stop_streams():
    """Stop each stream when it has read all messages."""
    while True:
        for query in spark.streams.active:
            query.processAllAvailable()
            query.stop()
        time.sleep(0.2)


threading.Thread(target=stop_streams, daemon=True).start()
for program in sys.argv[1:]:
    print(f"--- {Path(program).name}", flush=True)
    runpy.run_path(program, run_name="__main__")
