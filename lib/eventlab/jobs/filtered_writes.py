"""Keep the sword purchases as Parquet on HDFS: spark-submit filtered_writes.py [TOPIC [PATH]]."""

import sys

from pyspark.sql import SparkSession

from eventlab.jobs.extract import run_as_script
from eventlab.jobs.just_filtering import sword_purchases
from eventlab.jobs.output import overwrite
from eventlab.settings import settings

PATH = "/tmp/purchases"


def run(spark: SparkSession, topic: str = settings.topic, path: str = PATH) -> None:
    purchases = sword_purchases(spark, topic)
    purchases.printSchema()
    purchases.show()
    rows = overwrite(spark, purchases, path)
    print(f"{rows} sword purchases are at {path}")


if __name__ == "__main__":
    run_as_script(lambda spark: run(spark, *sys.argv[1:3]))
