"""The game API: what it answers, what it sends to Kafka, and what it does without Kafka."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka import KafkaConsumer, TopicPartition

from eventlab.settings import HOST, ROOT
from eventlab.stack import Stack, process, serve_api
from game_api import EventLog, create_app, decode, normalize, with_headers
from tests.stacks import free_port, free_settings

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


@pytest.mark.services
def test_the_server_tells_the_routes_it_runs_with_and_keeps_the_question_out_of_its_log(tmp_path):
    log = tmp_path / "log"
    with serving(SERVED, log) as (address, _):
        told = httpx.get(address + serve_api.ROUTES_PATH, trust_env=False).json()

    assert {rule["path"] for rule in told} == {"/", "/purchase_a_sword", "/purchase_a_knife"}
    assert all("GET" in rule["methods"] for rule in told)
    assert serve_api.ROUTES_PATH not in log.read_text()


def answers(port):
    try:
        return httpx.options(f"http://{HOST}:{port}/", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture
def url(topic, stack, tmp_path):
    """The API served as the stack serves it, sending to the fresh topic."""
    with serving(SERVED, tmp_path / "api.log", EVENTLAB_TOPIC=topic) as (address, _):
        yield address


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


def status_of(url, request):
    """The status with which raw bytes are answered."""
    host, port = re.fullmatch(r"http://(.*):(\d+)", url).groups()
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(request)
        answer = connection.makefile("rb").readline()
    return int(answer.split()[1])


# What is merged into an event: no services


HEADERS = st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20)), max_size=10)


@given(HEADERS)
def test_a_header_never_overwrites_the_events_own_fields(headers):
    own = {"event_type": "purchase_knife", "description": "very sharp knife"}

    merged = with_headers(own, headers)

    assert {name: merged[name] for name in own} == own
    assert list(merged)[:2] == list(own)


@pytest.mark.parametrize("name", ["event_type", "Event-Type", "EVENT_TYPE", "event-Type"])
def test_a_header_that_looks_like_an_own_field_is_left_out(name):
    assert with_headers({"event_type": "default"}, [(name, "forged")]) == {"event_type": "default"}


@pytest.mark.parametrize("name", ["Authorization", "AUTHORIZATION", "Proxy-Authorization", "cookie", "Cookie"])
def test_secrets_are_left_out_in_any_case(name):
    assert with_headers({"event_type": "default"}, [(name, "secret")]) == {"event_type": "default"}


@given(st.text(max_size=30))
def test_a_header_sent_as_utf8_is_read_as_utf8(text):
    assert decode(text.encode().decode("latin-1")) == text


@pytest.mark.parametrize("name", ["Event-Type", "EVENT_TYPE", "event-type", "event_type"])
def test_names_that_http_and_sql_do_not_distinguish_are_one_name(name):
    assert normalize(name) == "event_type"


def test_importing_and_creating_the_app_connects_to_nothing():
    app = create_app({"BOOTSTRAP_SERVERS": "no.such.host.invalid:1"})

    assert app.extensions["events"]._producer is None


# Without Kafka: no services either


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


def test_whatever_the_client_library_raises_is_a_503(monkeypatch):
    app = create_app()
    monkeypatch.setattr(EventLog, "producer", lambda self: None)

    assert app.test_client().get("/").status_code == 503


def test_the_log_line_is_that_of_flask_run():
    line = serve_api.log_line("127.0.0.1", "GET /?a=1 HTTP/1.0", "200")

    assert re.fullmatch(r'127\.0\.0\.1 - - \[\d\d/\w{3}/\d{4} \d\d:\d\d:\d\d\] "GET /\?a=1 HTTP/1\.0" 200 -', line)


def test_a_request_cannot_write_log_lines_of_its_own():
    assert "\n" not in serve_api.log_line("127.0.0.1", 'GET /\n127.0.0.1 - - "forged', "200")


# On the real Kafka


@pytest.mark.parametrize(
    ("path", "text", "own_fields"),
    [
        ("/", "This is the default response!\n", {"event_type": "default"}),
        ("/purchase_a_sword", "Sword Purchased!\n", {"event_type": "purchase_sword"}),
        (
            "/purchase_a_knife",
            "Knife Purchased!\n",
            {"event_type": "purchase_knife", "description": "very sharp knife"},
        ),
    ],
)
def test_each_route_answers_and_sends_its_event_with_the_headers(url, topic, stack, path, text, own_fields):
    headers = {"Host": "user1.comcast.com", "User-Agent": "ApacheBench/2.3", "Accept": "*/*"}

    answer = get(url, path, **headers)

    assert (answer.status_code, answer.text) == (200, text)
    (event,) = events(topic, stack.bootstrap_servers)
    assert own_fields | headers == {name: event[name] for name in own_fields | headers}


def test_what_was_acknowledged_under_load_is_in_kafka(url, topic, stack):
    from eventlab.commands.ab import bench

    report = bench(url + "/", requests=500, concurrency=16)

    assert (report.complete, report.failed, report.non_2xx) == (500, 0, 0)
    assert len(events(topic, stack.bootstrap_servers)) == 500


def test_secrets_do_not_reach_kafka(url, topic, stack):
    headers = {"Authorization": "s3cret", "proxy-authorization": "s3cret", "COOKIE": "id=s3cret", "X-Ok": "fine"}

    assert get(url, **headers).status_code == 200

    (event,) = events(topic, stack.bootstrap_servers)
    assert event["X-Ok"] == "fine"
    assert "s3cret" not in json.dumps(event)


def test_the_machines_environment_does_not_reach_kafka(topic, stack, tmp_path):
    leak = {"EVENTLAB_TOPIC": topic, "HTTP_PROXY": "http://user:s3cret@proxy:3128", "HTTP_X_LEAK": "s3cret"}

    with serving(SERVED, tmp_path / "api.log", **leak) as (url, _):
        assert get(url).status_code == 200

    assert "s3cret" not in json.dumps(events(topic, stack.bootstrap_servers))


ODD = {
    "at in host": b"Host: user@evil.example",
    "utf-8": "Host: x\r\nX-City: Zürich ☃".encode(),
    "latin-1": b"Host: x\r\nX-City: Z\xfcrich",
    "8 KiB": b"Host: x\r\nX-Big: " + b"x" * 8192,
    "duplicates": b"Host: x\r\nX-A: 1\r\nX-A: 2",
    "no host": b"X-A: 1",
    "two hosts": b"Host: a\r\nHost: b",
    "utf-8 host": "Host: münchen.de".encode(),
    "overlong label": b"Host: " + b"a" * 80 + b".com",
    "empty value": b"Host: x\r\nX-A:",
    "folded": b"Host: x\r\nX-A: a\r\n b",
    "underscore": b"Host: x\r\nevent_type: forged",
    "200 headers": b"Host: x\r\n" + b"\r\n".join(b"X-%d: 1" % i for i in range(200)),
    "control character": b"Host: x\r\nX-A: a\x01b",
    "1 MB": b"Host: x\r\n" + b"\r\n".join(b"X-%d: " % i + b"\xff" * 60000 for i in range(20)),
}


@pytest.mark.parametrize("server", [SERVED, FLASK_RUN], ids=["served", "flask run"])
def test_odd_headers_are_carried_or_refused_and_never_an_error_of_ours(server, topic, stack, tmp_path):
    with serving(server, tmp_path / "api.log", EVENTLAB_TOPIC=topic) as (url, _):
        found = {
            name: status_of(url, b"GET / HTTP/1.1\r\nConnection: close\r\n" + headers + b"\r\n\r\n")
            for name, headers in ODD.items()
        }
        get(url)

    assert {name: status for name, status in found.items() if status != 200 and not 400 <= status < 500} == {}
    for carried in ("at in host", "utf-8", "latin-1", "8 KiB", "duplicates"):
        assert found[carried] == 200, carried
    sent = events(topic, stack.bootstrap_servers)
    assert sent[0]["Host"] == "user@evil.example"
    assert [event["X-City"] for event in sent if "X-City" in event] == ["Zürich ☃", "Zürich"]
    assert {event["event_type"] for event in sent} == {"default"}
    assert len(sent) == Counter(found.values())[200] + 1


def test_flask_run_works_as_in_the_course(topic, stack, tmp_path):
    with serving(FLASK_RUN, tmp_path / "api.log", EVENTLAB_TOPIC=topic) as (url, _):
        assert get(url, "/purchase_a_knife").text == "Knife Purchased!\n"

    assert [event["event_type"] for event in events(topic, stack.bootstrap_servers)] == ["purchase_knife"]


def test_both_servers_log_a_request_alike(topic, stack, tmp_path):
    lines = []
    for server, log in ((SERVED, tmp_path / "served.log"), (FLASK_RUN, tmp_path / "flask.log")):
        with serving(server, log, EVENTLAB_TOPIC=topic) as (url, _):
            get(url, "/purchase_a_sword")
        found = re.findall(
            r'(127\.0\.0\.1 - - \[)[^]]*(\] "GET /purchase_a_sword HTTP/1.1" 200 -)\n', log.read_text()
        )
        lines.append(found)

    assert lines[0] == lines[1]
    assert len(lines[0]) == 1


def test_a_deleted_topic_comes_back_with_the_next_event(url, topic, stack):
    from kafka import KafkaAdminClient

    get(url)
    admin = KafkaAdminClient(bootstrap_servers=stack.bootstrap_servers)
    admin.delete_topics([topic])
    admin.close()

    assert get(url).status_code in (200, 503)
    assert get(url).status_code == 200


def test_a_course_projects_own_app_is_served_too(topic, stack, tmp_path):
    app = ROOT / "tests" / "bench" / "original_api.py"
    command = [sys.executable, "-m", "eventlab.stack.serve_api", str(app), "--port"]

    with serving(command, tmp_path / "api.log", EVENTLAB_TOPIC=topic) as (url, server):
        assert get(url, "/purchase_a_sword").text == "Sword Purchased!\n"
        server.terminate()
        server.wait(10)

    assert [event["event_type"] for event in events(topic, stack.bootstrap_servers)] == ["purchase_sword"]


# When Kafka goes away: on a broker of their own


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
