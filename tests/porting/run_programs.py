"""For spark-submit: run programs one after another in one Spark, each as if it were alone.

    spark-submit run_programs.py just_filtering.py write_swords_stream.py ...

A program that waits for its streams (`awaitTermination`) gets them stopped once they have read what is there.
"""

import runpy
import sys
import threading
import time
from pathlib import Path

from pyspark.sql import SparkSession

spark = SparkSession.builder.getOrCreate()


def stop_streams():
    while True:
        for query in spark.streams.active:
            query.processAllAvailable()
            query.stop()
        time.sleep(0.2)


threading.Thread(target=stop_streams, daemon=True).start()
for program in sys.argv[1:]:
    print(f"--- {Path(program).name}", flush=True)
    runpy.run_path(program, run_name="__main__")
