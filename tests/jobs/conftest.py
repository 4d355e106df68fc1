"""A Spark session, a function that sends messages, and a folder of HDFS."""

import json

import pytest

from eventlab.stack import filesystem


@pytest.fixture(scope="module")
def spark(stack):
    from pyspark.sql import SparkSession

    session = SparkSession.builder.getOrCreate()
    yield session
    session.stop()


@pytest.fixture
def send(stack, topic):
    """Send messages (dicts as JSON, bytes and None as they are) to the test's topic."""
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
    """A folder of HDFS that no other test uses."""
    yield f"/tmp/{topic}"
    filesystem.delete(f"/tmp/{topic}")
