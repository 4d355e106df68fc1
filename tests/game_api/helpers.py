"""Serve the game API in a process, call it, and read its events."""

import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
from kafka import KafkaConsumer, TopicPartition

from eventlab.settings import HOST, ROOT
from tests.stacks import free_port

SERVED = [sys.executable, "-m", "eventlab.stack.serve_api", str(ROOT / "game_api.py"), "--port"]


FLASK_RUN = [sys.executable, "-m", "flask", "run", "--host", "0.0.0.0", "--port"]


@contextmanager
def serving(command, log: Path, **environment):
    """The API as a process of its own on a free port; yields its address and the process."""
    port = free_port()
    own = {"FLASK_APP": str(ROOT / "game_api.py"), **environment}
    with (
        log.open("wb") as output,
        subprocess.Popen([*command, str(port)], env=os.environ | own, stdout=output, stderr=output) as server,
    ):
        try:
            deadline = time.monotonic() + 20
            while not answers(port):
                assert server.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.05)
            yield f"http://{HOST}:{port}", server
        finally:
            server.terminate()


def answers(port):
    try:
        return httpx.options(f"http://{HOST}:{port}/", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def events(topic, servers):
    """All of the topic's messages, as JSON."""
    consumer = KafkaConsumer(bootstrap_servers=servers)
    partition = TopicPartition(topic, 0)
    consumer.assign([partition])
    end = consumer.end_offsets([partition])[partition]
    consumer.seek_to_beginning(partition)
    found = []
    while consumer.position(partition) < end:
        found += [json.loads(record.value) for record in consumer.poll(1000).get(partition, [])]
    consumer.close()
    return found


def get(url, path="/", **headers):
    return httpx.get(url + path, headers=headers, trust_env=False, timeout=10)
