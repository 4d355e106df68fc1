"""Requests to the game API become events in Kafka."""

import json
import re
import socket
import sys
from collections import Counter
from urllib.parse import urlsplit

import httpx
import pytest

from eventlab.settings import ROOT
from eventlab.stack import serve_api
from tests.game_api.helpers import FLASK_RUN, SERVED, events, get, serving
from tests.helpers import wait_until


def test_the_server_lists_its_routes_and_does_not_log_the_request(served):
    routes = get(served.url, serve_api.ROUTES_PATH).json()

    methods = {rule["path"]: set(rule["methods"]) & {"GET", "POST"} for rule in routes}
    pages = ("/", "/purchase_a_sword", "/purchase_a_knife", "/join_guild/<name>")
    assert methods == {page: {"GET"} for page in pages} | {"/purchase": {"POST"}}
    get(served.url, "/?after")
    wait_until(lambda: "?after" in served.log.read_text())  # the server logs a request after its answer
    assert serve_api.ROUTES_PATH not in served.log.read_text()


def status_of(url, request):
    """Return the status of the answer to raw bytes."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=60) as connection:
        connection.sendall(request)
        answer = connection.makefile("rb").readline()
    return int(answer.split()[1])


@pytest.mark.parametrize(
    ("path", "text", "fields"),
    [
        ("/", "This is the default response!\n", {"event_type": "default"}),
        ("/purchase_a_sword", "Sword Purchased!\n", {"event_type": "purchase_sword"}),
        ("/join_guild/night%20owls", "Guild Joined!\n", {"event_type": "join_guild", "guild": "night owls"}),
        (
            "/purchase_a_knife",
            "Knife Purchased!\n",
            {"event_type": "purchase_knife", "description": "very sharp knife"},
        ),
    ],
)
def test_each_route_answers_and_sends_its_event_with_the_headers(url, sent, path, text, fields):
    headers = {"Host": "user1.comcast.com", "User-Agent": "ApacheBench/2.3", "Accept": "*/*"}

    answer = get(url, path, **headers)

    assert (answer.status_code, answer.text) == (200, text)
    (event,) = sent()
    assert fields | headers == {name: event[name] for name in fields | headers}


def post(url, content):
    """Send a purchase with this body."""
    headers = {"User-Agent": "t"}
    return httpx.post(
        url + "/purchase", content=content, headers=headers, trust_env=False, verify=False, timeout=60
    )


def test_the_body_of_a_purchase_becomes_a_nested_event(url, sent):
    item = {"name": "sword", "price": 120, "tags": ["steel"]}

    first = post(url, json.dumps({"player": "ada", "item": item, "quantity": 2}))
    second = post(url, json.dumps({"player": "bob", "item": {"name": "potion", "price": 0}}))

    assert (first.status_code, first.text) == (second.status_code, second.text) == (200, "Item Purchased!\n")
    bought = [(event["event_type"], event["player"], event["item"], event["quantity"]) for event in sent()]
    assert bought == [
        ("purchase", "ada", item, 2),
        ("purchase", "bob", {"name": "potion", "price": 0, "tags": []}, 1),
    ]


def test_a_wrong_body_is_answered_with_the_reason_and_is_no_event(url, sent):
    sword = {"name": "sword", "price": 120}
    reasons = {
        "": "the body is not a JSON object",
        "[1]": "the body is not a JSON object",
        "[" * 90_000: "the body is not a JSON object",
        "{}": "item is not an object",
        '{"item": "sword"}': "item is not an object",
        json.dumps({"item": sword}): "player is not a string",
        json.dumps({"player": "eve", "item": {"price": 1}}): "item.name is not a string",
        json.dumps(
            {"player": "eve", "item": sword | {"price": "120"}}
        ): "item.price is not a whole number from 0 to",
        json.dumps(
            {"player": "eve", "item": sword | {"price": True}}
        ): "item.price is not a whole number from 0 to",
        json.dumps({"player": "eve", "item": sword, "quantity": 0}): "quantity is not a whole number from 1 to",
        json.dumps({"player": "eve", "item": sword | {"tags": [1]}}): "item.tags is not a list of strings",
    }

    answers = {body: post(url, body) for body in reasons}

    assert {answer.status_code for answer in answers.values()} == {400}
    assert all(answers[body].json()["error"].startswith(reason) for body, reason in reasons.items())
    assert post(url, " " * 200_000).status_code == 413
    assert sent() == []


def test_all_acknowledged_requests_are_in_kafka(url, sent):
    from eventlab.commands.ab import bench

    report = bench(url + "/", requests=500, concurrency=16)

    assert (report.complete, report.failed, report.non_2xx) == (500, 0, 0)
    assert len(sent()) == 500


def test_secrets_do_not_reach_kafka(url, sent):
    headers = {"Authorization": "s3cret", "proxy-authorization": "s3cret", "COOKIE": "id=s3cret", "X-Ok": "fine"}

    assert get(url, **headers).status_code == 200

    (event,) = sent()
    assert event["X-Ok"] == "fine"
    assert "s3cret" not in json.dumps(event)


def test_the_machines_environment_does_not_reach_kafka(topic, stack, tmp_path):
    leak = {"EVENTLAB_TOPIC": topic, "HTTP_PROXY": "http://user:s3cret@proxy:3128", "HTTP_X_LEAK": "s3cret"}

    with serving(SERVED, tmp_path / "api.log", **leak) as (url, _):
        assert get(url).status_code == 200

    assert "s3cret" not in json.dumps(events(topic, stack.bootstrap_servers))


UNUSUAL = {
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
def test_unusual_headers_are_logged_or_refused_without_a_server_error(server, topic, stack, tmp_path):
    with serving(server, tmp_path / "api.log", EVENTLAB_TOPIC=topic) as (url, _):
        statuses = {
            name: status_of(url, b"GET / HTTP/1.1\r\nConnection: close\r\n" + headers + b"\r\n\r\n")
            for name, headers in UNUSUAL.items()
        }
        get(url)

    assert {name: status for name, status in statuses.items() if status != 200 and not 400 <= status < 500} == {}
    for logged in ("at in host", "utf-8", "latin-1", "8 KiB", "duplicates"):
        assert statuses[logged] == 200, logged
    sent = events(topic, stack.bootstrap_servers)
    assert sent[0]["Host"] == "user@evil.example"
    assert [event["X-City"] for event in sent if "X-City" in event] == ["Zürich ☃", "Zürich"]
    assert {event["event_type"] for event in sent} == {"default"}
    assert len(sent) == Counter(statuses.values())[200] + 1


def test_flask_run_serves_the_api_and_logs_a_request_in_the_same_form(topic, stack, tmp_path):
    lines, log = [], tmp_path / "api.log"
    for server in (SERVED, FLASK_RUN):
        with serving(server, log, EVENTLAB_TOPIC=topic) as (url, _):
            assert get(url, "/purchase_a_knife").text == "Knife Purchased!\n"
        logged = re.findall(
            r'(127\.0\.0\.1 - - \[)[^]]*(\] "GET /purchase_a_knife HTTP/1.1" 200 -)\n', log.read_text()
        )
        lines.append(logged)

    assert [event["event_type"] for event in events(topic, stack.bootstrap_servers)] == ["purchase_knife"] * 2
    assert lines[0] == lines[1]
    assert len(lines[0]) == 1


def test_the_next_event_creates_a_deleted_topic_again(served, stack):
    from kafka import KafkaAdminClient

    get(served.url)
    admin = KafkaAdminClient(bootstrap_servers=stack.bootstrap_servers)
    admin.delete_topics([served.topic])
    admin.close()

    assert get(served.url).status_code in (200, 503)
    assert get(served.url).status_code == 200


def test_the_api_of_the_original_course_is_served(topic, stack, tmp_path):
    app = ROOT / "tests" / "bench" / "original_api.py"
    command = [sys.executable, "-m", "eventlab.stack.serve_api", str(app), "--port"]

    with serving(command, tmp_path / "api.log", EVENTLAB_TOPIC=topic) as (url, server):
        assert get(url, "/purchase_a_sword").text == "Sword Purchased!\n"
        server.terminate()
        server.wait(60)

    assert [event["event_type"] for event in events(topic, stack.bootstrap_servers)] == ["purchase_sword"]
