"""The game API while Kafka does not run, hangs, or is killed."""

import os
import signal
import threading
import time
from collections import Counter

import pytest

from eventlab.settings import HOST
from eventlab.stack import Stack, process
from tests.game_api.helpers import FLASK_RUN, SERVED, events, get, serving
from tests.stacks import free_port, free_settings


@pytest.mark.services
def test_without_kafka_forty_requests_at_once_are_each_refused_within_five_seconds(tmp_path):
    answers = []

    def ask():
        began = time.monotonic()
        answer = get(url, "/purchase_a_sword")
        answers.append((answer.status_code, list(answer.json()), time.monotonic() - began < 5))

    nobody = f"{HOST}:{free_port()}"
    with serving(SERVED, tmp_path / "api.log", KAFKA_BOOTSTRAP_SERVERS=nobody) as (url, _):
        threads = [threading.Thread(target=ask) for _ in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert answers == [(503, ["error"], True)] * 40


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    """Settings of a stack of which only Kafka runs, for tests that stop it."""
    own = free_settings(tmp_path_factory.mktemp("stack") / "state")
    Stack(own).up(["kafka"])
    yield own
    Stack(own).down(["kafka"])


@pytest.mark.services
@pytest.mark.parametrize("server", [SERVED, FLASK_RUN], ids=["served", "flask run"])
def test_the_api_starts_before_kafka_and_recovers_when_it_is_there(server, broker, tmp_path):
    Stack(broker).down(["kafka"])

    with serving(server, tmp_path / "api.log", KAFKA_BOOTSTRAP_SERVERS=broker.bootstrap_servers) as (url, _):
        began = time.monotonic()
        refused = get(url)
        assert time.monotonic() - began < 5
        Stack(broker).up(["kafka"])
        accepted = get(url)

    assert (refused.status_code, list(refused.json())) == (503, ["error"])
    assert refused.headers["Content-Type"] == "application/json"
    assert accepted.status_code == 200


@pytest.mark.services
def test_a_broker_killed_under_load_loses_nothing_acknowledged(broker, tmp_path):
    Stack(broker).up(["kafka"])
    topic, answered, slowest, over = "killed", [], [0.0], threading.Event()

    def player(url, number):
        for call in range(100000):
            if over.is_set():
                return
            began, name = time.monotonic(), f"{number}-{call}"
            answered.append((get(url, **{"X-Id": name}).status_code, name))
            slowest.append(time.monotonic() - began)

    environment = {"KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers, "EVENTLAB_TOPIC": topic}
    with serving(SERVED, tmp_path / "api.log", **environment) as (url, _):
        players = [threading.Thread(target=player, args=(url, number)) for number in range(8)]
        for thread in players:
            thread.start()
        time.sleep(1)
        os.kill(process.find(broker, "kafka").pid, signal.SIGKILL)
        time.sleep(1)
        Stack(broker).up(["kafka"])
        wait_for_an_answer(url)
        over.set()
        for thread in players:
            thread.join()

    assert {status for status, _ in answered} <= {200, 503}
    acknowledged = {name for status, name in answered if status == 200}
    written = Counter(event["X-Id"] for event in events(topic, broker.bootstrap_servers) if "X-Id" in event)
    assert acknowledged
    assert acknowledged <= set(written)
    assert max(slowest) < 5


@pytest.mark.services
def test_a_hanging_broker_is_a_503_within_five_seconds_and_then_forgotten(broker, tmp_path):
    Stack(broker).up(["kafka"])
    kafka = process.find(broker, "kafka")
    with serving(SERVED, tmp_path / "api.log", KAFKA_BOOTSTRAP_SERVERS=broker.bootstrap_servers) as (url, _):
        get(url)
        kafka.suspend()
        try:
            began = time.monotonic()
            refused = get(url).status_code
            waited = time.monotonic() - began
        finally:
            kafka.resume()
        wait_for_an_answer(url)

    assert refused == 503
    assert waited < 5


@pytest.mark.services
def test_sigterm_lets_requests_in_flight_finish(broker, tmp_path):
    Stack(broker).up(["kafka"])
    kafka, statuses = process.find(broker, "kafka"), []
    with serving(SERVED, tmp_path / "api.log", KAFKA_BOOTSTRAP_SERVERS=broker.bootstrap_servers) as (url, server):
        get(url)
        kafka.suspend()
        try:
            asking = threading.Thread(target=lambda: statuses.append(get(url).status_code))
            asking.start()
            wait_for_a_connection(server)
            server.terminate()
            time.sleep(0.3)
        finally:
            kafka.resume()
        asking.join()

        assert statuses == [200]
        assert server.wait(5) == 0


def wait_for_an_answer(url):
    deadline = time.monotonic() + 20
    while get(url).status_code != 200:
        assert time.monotonic() < deadline


def wait_for_a_connection(server):
    """Until a client is connected to the server, beside its own connection to Kafka."""
    import psutil

    deadline = time.monotonic() + 5
    while True:
        connections = psutil.Process(server.pid).net_connections("tcp")
        listening = {c.laddr.port for c in connections if c.status == psutil.CONN_LISTEN}
        if any(c.laddr.port in listening and c.status == psutil.CONN_ESTABLISHED for c in connections):
            time.sleep(0.2)  # the request's bytes follow its connection
            return
        assert time.monotonic() < deadline
        time.sleep(0.01)
