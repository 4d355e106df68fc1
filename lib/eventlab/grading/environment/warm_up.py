"""Code that runs in a kernel before the student's.

PREPARE_KERNEL opens a Spark session, drops tables and functions, and shortens a wait of Kafka. WARM_UP uses Kafka
and Spark once.
"""

PREPARE_KERNEL = """
def _prepare():
    import os
    if not os.environ.get("SPARK_REMOTE"):
        return
    from eventlab.clients.spark_kafka import shorten_fetches
    from pyspark.sql import SparkSession
    shorten_fetches()
    spark = SparkSession.builder.getOrCreate()
    spark.catalog.clearCache()
    for row in spark.sql("show databases").collect():
        if row[0] == "default":
            for table in spark.catalog.listTables("default"):
                if table.tableType != "TEMPORARY":
                    spark.sql(f"drop {'view' if table.tableType == 'VIEW' else 'table'} if exists `{table.name}`")
        else:
            spark.sql(f"drop database if exists `{row[0]}` cascade")
    for table in spark.catalog.listTables("global_temp"):
        spark.catalog.dropGlobalTempView(table.name)
    for row in spark.sql("show user functions").collect():
        spark.sql(f"drop function if exists {row[0].replace('spark_catalog.', '')}")
_prepare()
del _prepare
"""
WARM_UP = """
import os
from concurrent.futures import ThreadPoolExecutor
from kafka import KafkaProducer
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

servers = os.environ["KAFKA_BOOTSTRAP_SERVERS"]
producer = KafkaProducer(bootstrap_servers=servers)
producer.send("warm-up", b'{"a": 1, "b": "x"}').get(timeout=20)
producer.close()
spark = SparkSession.builder.getOrCreate()

def read_a_topic():
    options = {"kafka.bootstrap.servers": servers, "subscribe": "warm-up"}
    read = spark.read.format("kafka").options(**options).load()
    read.select(F.from_json(F.col("value").cast("string"), "a int, b string").alias("e")).select("e.*").collect()

def write_and_read_a_table():
    spark.createDataFrame([(1, "x")], "a int, b string").write.mode("overwrite").parquet("/tmp/warm-up")
    spark.read.parquet("/tmp/warm-up").collect()

def ask_in_sql():
    spark.sql('''
        select b, count(distinct a) as n, row_number() over (order by b) as place
        from values (1, 'x'), (2, 'y') as t(a, b) group by b order by n desc, b
    ''').collect()

with ThreadPoolExecutor(3) as pool:
    for done in [pool.submit(work) for work in (read_a_topic, write_and_read_a_table, ask_in_sql)]:
        done.result()
spark.stop()
"""
