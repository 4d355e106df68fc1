"""A broker that somebody else runs, and names itself wrongly to its clients."""

import subprocess
from contextlib import contextmanager

import pytest

from eventlab.clients import ports
from eventlab.settings import OwnSettings
from eventlab.stack import config, provision, services
from tests.widgets.helpers import until

pytestmark = pytest.mark.services


@pytest.fixture
def somebodys(tmp_path):
    """Settings of a broker that has nothing to do with a stack of ours."""
    own = OwnSettings(port_offset=6200, state_dir=tmp_path / "somebodys")
    config.render(own)
    provision.format_once(own, "kafka", services.kafka_format_command)
    return own


@contextmanager
def running(somebodys, listener):
    """That broker, with this line among its properties."""
    properties = config.conf_dir(somebodys, "kafka") / "server.properties"
    kept = [line for line in properties.read_text().splitlines() if not line.startswith("advertised.listeners=")]
    properties.write_text("\n".join([*kept, listener]))
    broker = subprocess.Popen(
        services.kafka_command(somebodys), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        until(lambda: ports.is_open(somebodys.kafka_port), seconds=60)
        yield
    finally:
        broker.terminate()
        broker.wait(timeout=30)


def test_a_broker_that_sends_its_clients_where_nothing_listens(somebodys, open_notebook, tmp_path):
    address = f"127.0.0.1:{somebodys.kafka_port}"
    guest = OwnSettings(port_offset=6300, state_dir=tmp_path / "guest", kafka_bootstrap_servers=address)
    cell = """
from kafka import KafkaProducer
from eventlab.settings import settings
producer = KafkaProducer(bootstrap_servers=settings.bootstrap_servers, bootstrap_timeout_ms=2000,
                         max_block_ms=2000, request_timeout_ms=3000, delivery_timeout_ms=4000)
try:
    producer.send("events", b"{}").get(timeout=5)
finally:
    producer.close(timeout=1)"""

    with running(somebodys, "advertised.listeners=PLAINTEXT://127.0.0.1:1"):
        notebook = open_notebook(guest, EVENTLAB_KAFKA_BOOTSTRAP_SERVERS=address)
        box = notebook.fails(cell)

    assert box["what"] == f"The broker at {address} sends its clients on to 127.0.0.1:1, which leads nowhere."
    assert "Connection refused" in box["proof"]
    assert box["remedy"] == f"advertised.listeners=PLAINTEXT://{address}"
    with running(somebodys, box["remedy"]):
        notebook.runs(cell)
