"""Teach event tracking on real services: Kafka, HDFS and Spark, from notebooks."""
