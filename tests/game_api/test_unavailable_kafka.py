"""The game API while Kafka does not run, hangs, or is killed."""

import threading
import time
from collections import Counter

import psutil
import pytest

from eventlab.stack import Stack
from tests.game_api.helpers import FLASK_RUN, SERVED, events, get, serving
from tests.helpers import Stopwatch, process_of, suspend, wait_until
from tests.servers import closed_address
from tests.stacks import free_settings


@pytest.mark.services
def test_without_kafka_forty_simultaneous_requests_are_refused_within_five_seconds(tmp_path):
    answers: list[tuple[int, list[str]]] = []
    durations: list[float] = []

    def ask():
        started = time.monotonic()
        answer = get(url, "/purchase_a_sword")
        durations.append(time.monotonic() - started)
        answers.append((answer.status_code, list(answer.json())))

    with (
        closed_address() as closed,
        serving(SERVED, tmp_path / "api.log", KAFKA_BOOTSTRAP_SERVERS=closed) as (url, _),
    ):
        threads, taken = [threading.Thread(target=ask) for _ in range(40)], Stopwatch()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        speed = taken.speed

    assert answers == [(503, ["error"])] * 40
    assert max(durations) * speed < 5


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    """Return settings of a stack in which only Kafka runs, for tests that stop it."""
    settings = free_settings(tmp_path_factory.mktemp("stack") / "state")
    Stack(settings).up(["kafka"])
    yield settings
    Stack(settings).down(["kafka"])


def refusal(url):
    """Return the API's answer within five seconds while Kafka does not run."""
    taken = Stopwatch()
    answer = get(url)
    assert taken.seconds < 5
    return answer


@pytest.mark.services
def test_the_api_can_start_before_kafka_under_both_servers_and_uses_it_once_it_runs(broker, tmp_path):
    Stack(broker).down(["kafka"])
    servers = {"KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers}

    with (
        serving(SERVED, tmp_path / "served.log", **servers) as (served, _),
        serving(FLASK_RUN, tmp_path / "flask.log", **servers) as (flask, _),
    ):
        refused = [refusal(url) for url in (served, flask)]
        Stack(broker).up(["kafka"])
        accepted = [get(url).status_code for url in (served, flask)]

    assert [(answer.status_code, list(answer.json())) for answer in refused] == [(503, ["error"])] * 2
    assert [answer.headers["Content-Type"] for answer in refused] == ["application/json"] * 2
    assert accepted == [200, 200]


@pytest.mark.services
def test_a_broker_that_is_killed_under_load_loses_no_acknowledged_event(broker, tmp_path):
    Stack(broker).up(["kafka"])
    topic, answered, durations, finished = "killed", [], [0.0], threading.Event()
    taken = Stopwatch()

    def player(url, number):
        for call in range(100000):
            if finished.is_set():
                return
            started, name = time.monotonic(), f"{number}-{call}"
            answered.append((get(url, **{"X-Id": name}).status_code, name))
            durations.append(time.monotonic() - started)
            time.sleep(0.02)  # the processors have other work

    environment = {"KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers, "EVENTLAB_TOPIC": topic}
    with serving(SERVED, tmp_path / "api.log", **environment) as (url, _):
        players = [threading.Thread(target=player, args=(url, number)) for number in range(8)]
        for thread in players:
            thread.start()
        time.sleep(1)
        process_of(broker, "kafka").kill()
        time.sleep(1)
        Stack(broker).up(["kafka"])
        wait_for_an_answer(url)
        finished.set()
        for thread in players:
            thread.join()
        speed = taken.speed

    assert {status for status, _ in answered} <= {200, 503}
    acknowledged = {name for status, name in answered if status == 200}
    written = Counter(event["X-Id"] for event in events(topic, broker.bootstrap_servers) if "X-Id" in event)
    assert acknowledged
    assert acknowledged <= set(written)
    assert max(durations) * speed < 5


@pytest.mark.services
def test_a_hanging_broker_is_a_503_within_five_seconds_until_it_continues(broker, tmp_path):
    Stack(broker).up(["kafka"])
    kafka = process_of(broker, "kafka")
    with serving(SERVED, tmp_path / "api.log", KAFKA_BOOTSTRAP_SERVERS=broker.bootstrap_servers) as (url, _):
        get(url)
        suspend(kafka)
        try:
            taken = Stopwatch()
            refused = get(url).status_code
            waited = taken.seconds
        finally:
            kafka.resume()
        wait_for_an_answer(url)

    assert refused == 503
    assert waited < 5


@pytest.mark.services
def test_a_broker_that_is_slow_for_three_seconds_stores_an_event_once(broker, tmp_path):
    Stack(broker).up(["kafka"])
    kafka = process_of(broker, "kafka")
    environment = {"KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers, "EVENTLAB_TOPIC": "slow"}
    with serving(SERVED, tmp_path / "api.log", **environment) as (url, _):
        get(url)
        suspend(kafka)
        try:
            asking = threading.Thread(target=lambda: get(url, **{"X-Id": "slow"}))
            asking.start()
            time.sleep(3)
        finally:
            kafka.resume()
        asking.join()
        wait_for_an_answer(url)  # of a later event

    assert Counter(event.get("X-Id") for event in events("slow", broker.bootstrap_servers))["slow"] == 1


@pytest.mark.services
def test_after_sigterm_running_requests_are_completed(broker, tmp_path):
    Stack(broker).up(["kafka"])
    kafka, statuses = process_of(broker, "kafka"), []
    with serving(SERVED, tmp_path / "api.log", KAFKA_BOOTSTRAP_SERVERS=broker.bootstrap_servers) as (url, server):
        get(url)
        suspend(kafka)
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
        assert server.wait(30) == 0


def wait_for_an_answer(url):
    """Wait until the API answers with success."""
    wait_until(lambda: get(url).status_code == 200)


def wait_for_a_connection(server):
    """Wait until a client is connected to the server, which itself is connected to Kafka."""

    def has_client():
        connections = psutil.Process(server.pid).net_connections("tcp")
        listening = {link.laddr.port for link in connections if link.status == psutil.CONN_LISTEN}
        return any(link.laddr.port in listening and link.status == psutil.CONN_ESTABLISHED for link in connections)

    wait_until(has_client)
    time.sleep(0.5)  # the request's bytes follow its connection; the API waits 4 s for Kafka
