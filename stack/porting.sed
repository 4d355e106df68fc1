# The edits of PORTING.md that are the same in every project. GNU's and BSD's sed read this file:
#   sed -E -i.old -f porting.sed game_api.py
s/kafka:29092/127.0.0.1:29092/g
s#hdfs://cloudera(:8020)?##g
s/docker-compose exec [a-z]+ //g
s/--zookeeper [a-z]+:32181/--bootstrap-server 127.0.0.1:29092/
s/@udf\(["']boolean["']\)/@udf(BooleanType())/
s/@udf\(["']integer["']\)/@udf(IntegerType())/
s/@udf\(["']string["']\)/@udf(StringType())/
s/^( *)(from pyspark\.sql\.functions import .*udf)/\1from pyspark.sql.types import BooleanType, IntegerType, StringType; \2/
s/from kafka\.errors import NoBrokersAvailable/from kafka.errors import KafkaTimeoutError as NoBrokersAvailable/
