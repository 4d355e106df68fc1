"""Clients of the services: Kafka, HDFS, Spark Connect and HTTP."""
