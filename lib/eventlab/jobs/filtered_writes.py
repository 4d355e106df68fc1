"""Write the sword purchases to HDFS as Parquet: spark-submit filtered_writes.py [TOPIC [PATH]]."""

import sys

from pyspark.sql import DataFrame, SparkSession

from eventlab.jobs.extract import extract_in_one_pass, run_as_script
from eventlab.jobs.just_filtering import sword_purchases
from eventlab.jobs.output import replacing
from eventlab.settings import settings

PATH = "/tmp/purchases"


def run(spark: SparkSession, topic: str = settings.topic, path: str = PATH) -> None:
    """Write the sword purchases of a topic to a Parquet folder, and show them."""
    write(spark, topic, path)
    purchases = spark.read.parquet(path)
    purchases.printSchema()
    purchases.show(truncate=False)
    print(f"{purchases.count()} sword purchases are at {path}")


def write(spark: SparkSession, topic: str, path: str) -> None:
    """Write the sword purchases of a topic to a Parquet folder."""
    with replacing(spark, path) as folder:

        def write_to_folder(events: DataFrame) -> None:
            sword_purchases(events).write.mode("overwrite").parquet(folder)

        extract_in_one_pass(spark, topic, write_to_folder)


if __name__ == "__main__":
    run_as_script(lambda spark: run(spark, *sys.argv[1:3]))
