"""An external broker that advertises a wrong address."""

import subprocess
from contextlib import contextmanager, suppress

import pytest

from eventlab.clients import kafka
from eventlab.settings import OwnSettings
from eventlab.stack import config, provision, services
from tests.helpers import wait_until
from tests.stacks import free_settings

pytestmark = pytest.mark.services


@pytest.fixture
def external(tmp_path):
    """Return settings of a broker that belongs to no stack."""
    settings = free_settings(tmp_path / "external", OwnSettings)
    config.render(settings)
    provision.format_once(settings, "kafka", services.kafka_format_command)
    return settings


@contextmanager
def running(external, listener):
    """Run the broker with this line in its properties."""
    properties = config.conf_dir(external, "kafka") / "server.properties"
    lines = [line for line in properties.read_text().splitlines() if not line.startswith("advertised.listeners=")]
    properties.write_text("\n".join([*lines, listener]))
    broker = subprocess.Popen(
        services.kafka_command(external), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: advertises(external, listener.rpartition("/")[2]), 60)
        yield
    finally:
        broker.terminate()
        broker.wait(timeout=60)


def advertises(external, listener):
    """Return whether the broker advertises the listener: its port is open earlier."""
    with suppress(kafka.KafkaUnavailable):
        return kafka.advertised_listeners(external.bootstrap_servers, timeout_s=5) == (listener,)


def test_a_broker_that_advertises_a_wrong_address_is_explained(external, open_notebook, tmp_path):
    address = f"127.0.0.1:{external.kafka_port}"
    guest = free_settings(tmp_path / "guest", OwnSettings, external_bootstrap_servers=address)
    cell = """
from kafka import KafkaProducer
from eventlab.settings import settings
producer = KafkaProducer(bootstrap_servers=settings.bootstrap_servers, bootstrap_timeout_ms=2000,
                         max_block_ms=2000, request_timeout_ms=3000, delivery_timeout_ms=4000)
try:
    producer.send("events", b"{}").get(timeout=5)
finally:
    producer.close(timeout=1)"""

    with running(external, "advertised.listeners=PLAINTEXT://127.0.0.1:1"):
        notebook = open_notebook(guest, EVENTLAB_EXTERNAL_BOOTSTRAP_SERVERS=address)
        box = notebook.assert_fails(cell)

    assert box["what"] == f"The broker at {address} advertises 127.0.0.1:1, where nothing answers."
    assert "Connection refused" in box["proof"]
    assert box["remedy"] == f"advertised.listeners=PLAINTEXT://{address}"
    with running(external, box["remedy"]):
        notebook.assert_runs(cell)
