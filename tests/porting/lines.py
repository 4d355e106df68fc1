"""Lines of old programs that fail now, with the errors that stack/PORTING.md lists.

`spark-submit lines.py` executes the lines for a program of Spark and those for Kafka; for each group, it prints a
JSON object with the error of each line ("" for none).
"""

import json
import warnings

PATTERN = "[INCONSISTENT_BEHAVIOR_CROSS_VERSION.DATETIME_PATTERN_RECOGNITION]"
NO_HIVE = "[NOT_SUPPORTED_COMMAND_WITHOUT_HIVE_SUPPORT]"
NOT_EMPTY = "CREATE-TABLE-AS-SELECT cannot create table with location to a non-empty directory"
OVER_ROWS = (
    "df.write.parquet('/tmp/t', 'overwrite'); "
    "spark.sql(\"create table t using parquet location '/tmp/t' as select 1 a\")"
)
NO_NUMBER = "invalid literal for int() with base 10: 'id'"
UNEQUAL = "[STRUCT_ARRAY_LENGTH_MISMATCH]"
CLASSIC = {
    "from pyspark.streaming.kafka import KafkaUtils": "No module named 'pyspark.streaming.kafka'",
    "sqlContext.jsonRDD(rdd)": "'SQLContext' object has no attribute 'jsonRDD'",
    "df.map(lambda r: r)": "[ATTRIBUTE_NOT_SUPPORTED] Attribute `map` is not supported.",
    "spark.sql(\"select cast('' as int)\").collect()": "[CAST_INVALID_INPUT]",
    "spark.sql('select 1/0').collect()": "[DIVIDE_BY_ZERO]",
    'spark.sql(\'select split("a b", " ")[2]\').collect()': "[INVALID_ARRAY_INDEX]",
    "spark.sql(\"select date_format(now(), 'u')\").collect()": PATTERN,
    "spark.sql(\"select to_timestamp('2020-01-02', 'YYYY-MM-dd')\").collect()": PATTERN,
    "int(spark.sql('select \"id\" from range(2)').collect()[0][0])": NO_NUMBER,
    OVER_ROWS: NOT_EMPTY,
    "spark.sql('select count(*) from range(2) group by distinct id').collect()": "[PARSE_SYNTAX_ERROR]",
    "raw_events('never_written').count()": "UnknownTopicOrPartitionException",
    "stream_of('never_written').start().processAllAvailable()": "UnknownTopicOrPartitionException",
    "countDistinct('id')": "name 'countDistinct' is not defined",
    "sumDistinct('id')": "name 'sumDistinct' is not defined",
    "approxCountDistinct('id')": "name 'approxCountDistinct' is not defined",
    "toDegrees('id')": "name 'toDegrees' is not defined",
    "shiftLeft('id', 1)": "name 'shiftLeft' is not defined",
    "bitwiseNOT('id')": "name 'bitwiseNOT' is not defined",
    "spark.sql('create external table t (a string) stored as parquet location \"/tmp/t\"')": NO_HIVE,
    "sc.parallelize([{'a': 1, 'b': 2}, {'a': 3}]).map(lambda d: Row(**d)).toDF().collect()": UNEQUAL,
    "sc.parallelize([{'a': {'b': 'x', 'c': ['d']}}]).toDF()": "[CANNOT_INFER_TYPE_FOR_FIELD]",
    "sc.parallelize([]).toDF()": "RDD is empty",
    "spark.read.parquet('hdfs://cloudera/tmp/purchases')": "java.net.UnknownHostException: cloudera",
    "df.registerTempTable('t')": "",
}
CONNECT = {
    "df.rdd": "[NOT_IMPLEMENTED] rdd is not implemented.",
    "spark.sparkContext": "[JVM_ATTRIBUTE_NOT_SUPPORTED]",
    "SparkContext.getOrCreate()": "[CONTEXT_UNAVAILABLE_FOR_REMOTE_CLIENT]",
    "spark.sql('create external table t (a string) stored as parquet location \"/tmp/t\"')": NO_HIVE,
    "SparkSession.builder.master('local[*]').getOrCreate()": "[CANNOT_CONFIGURE_SPARK_CONNECT_MASTER]",
    "df.registerTempTable('t')": "",
}
LIBRARIES = {
    "from flask import Markup": "cannot import name 'Markup' from 'flask'",
    "from flask.json import JSONEncoder": "cannot import name 'JSONEncoder' from 'flask.json'",
    "app.before_first_request": "'Flask' object has no attribute 'before_first_request'",
    "from kafka import SimpleProducer": "cannot import name 'SimpleProducer' from 'kafka'",
    "from kafka.errors import NoBrokersAvailable": "cannot import name 'NoBrokersAvailable' from 'kafka.errors'",
    "from kafka.admin.new_topic import NewTopic": "No module named 'kafka.admin.new_topic'",
    "from kafka.common import KafkaError": "No module named 'kafka.common'",
    "from kafka import KafkaClient": "cannot import name 'KafkaClient' from 'kafka'",
    "frame.append(frame)": "'DataFrame' object has no attribute 'append'",
    "frame.ix[0]": "'DataFrame' object has no attribute 'ix'",
    "frame.iteritems()": "'DataFrame' object has no attribute 'iteritems'",
    "frame.as_matrix()": "'DataFrame' object has no attribute 'as_matrix'",
    "compile('lambda (a, b): a', 'x', 'eval')": "Lambda expression parameters cannot be parenthesized",
}
KAFKA = {
    "KafkaProducer(bootstrap_servers=brokers, api_version=(0, 10)).send('e', b'').get(3)": "KafkaTimeoutError",
}
GROUPS = {"classic": CLASSIC, "connect": CONNECT, "libraries": LIBRARIES, "kafka": KAFKA}


def error_of(line, names):
    """Return the error of a line, or an empty text."""
    try:
        exec(line, names)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


def spark_names(spark):
    """Return the variables of the lines for Spark."""
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    names = {"spark": spark, "df": spark.range(1), "SparkContext": SparkContext, "SparkSession": SparkSession}
    exec("from pyspark.sql.functions import *", names)
    return names


def classic_names(spark):
    """Return the variables of the lines for Spark without Spark Connect."""
    import os

    from pyspark.sql import Row, SQLContext

    sc, servers = spark.sparkContext, os.environ["KAFKA_BOOTSTRAP_SERVERS"]
    reader, streams = (
        source.format("kafka").option("kafka.bootstrap.servers", servers)
        for source in (spark.read, spark.readStream)
    )
    names = {"Row": Row, "sc": sc, "sqlContext": SQLContext(sc), "rdd": sc.parallelize(['{"a": 1}'])}
    names["raw_events"] = lambda topic: reader.option("subscribe", topic).load()
    names["stream_of"] = lambda topic: streams.option("subscribe", topic).load().writeStream.format("noop")
    return spark_names(spark) | names


def library_names():
    """Return the variables of the other lines."""
    import os

    import pandas
    from flask import Flask
    from kafka import KafkaProducer

    return {
        "app": Flask(__name__),
        "frame": pandas.DataFrame({"a": [1]}),
        "KafkaProducer": KafkaProducer,
        "brokers": os.environ.get("KAFKA_BOOTSTRAP_SERVERS"),
    }


def end_start_in_errors(session):
    """Print a line to the JVM's standard error: what is above it was printed before the lines were executed."""
    session.sparkContext._jvm.java.lang.System.err.println("--- lines")


if __name__ == "__main__":
    from pyspark.sql import SparkSession

    session = SparkSession.builder.getOrCreate()
    end_start_in_errors(session)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for group, variables in {"classic": classic_names(session), "kafka": library_names()}.items():
            errors = {line: error_of(line, variables) for line in GROUPS[group]}
            print(f"{group}:{json.dumps(errors)}", flush=True)
    session.stop()
