"""Our `filtered_writes`, and a bare read of the topic as the floor, timed in one classic Spark session."""

import sys
import time

from pyspark.sql import SparkSession

from eventlab.jobs import extract, filtered_writes

if __name__ == "__main__":
    session = SparkSession.builder.getOrCreate()
    topic, output, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
    for _ in range(rounds):
        started = time.monotonic()
        filtered_writes.run(session, topic, output)
        print("seconds ours", time.monotonic() - started)
    for _ in range(rounds):
        started = time.monotonic()
        extract.read_topic(session, topic).select("value").write.format("noop").mode("overwrite").save()
        print("seconds floor", time.monotonic() - started)
    print("rows", session.read.parquet(output).count())
