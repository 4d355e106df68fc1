"""A Spark session, a function that sends messages, and a folder of HDFS."""

import json

import pytest

from eventlab.stack import filesystem


@pytest.fixture(scope="module")
def spark(stack):
    """Open a Spark session."""
    from pyspark.sql import SparkSession

    session = SparkSession.builder.getOrCreate()
    yield session
    session.stop()


@pytest.fixture
def send(stack, topic):
    """Return a function that sends messages to the test's topic: dicts as JSON, bytes and None unchanged."""
    from kafka import KafkaProducer

    def send_all(*messages):
        producer = KafkaProducer(bootstrap_servers=stack.bootstrap_servers)
        for message in messages:
            value = json.dumps(message).encode() if isinstance(message, dict) else message
            producer.send(topic, value, key=b"key")
        producer.flush()
        producer.close()

    return send_all


@pytest.fixture
def folder(topic):
    """Return a folder of HDFS that no other test uses; it is deleted after the test."""
    yield f"/tmp/{topic}"
    filesystem.delete(f"/tmp/{topic}")
