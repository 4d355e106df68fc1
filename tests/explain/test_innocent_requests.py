"""Requests and answers that look like another mistake. No service is needed."""

import json
from types import SimpleNamespace

import httpx
import pytest
import requests

from eventlab.explain import api, arguments, json_values, kafka_calls, shell_http
from eventlab.explain.edits import source_of
from eventlab.explain.failed_cell import FailedCell
from eventlab.settings import settings
from tests.explain.test_python import box_of, failed


def test_an_address_that_was_not_requested_is_not_the_reason():
    cell = failed("page = 'http://localhost:1/'\nhttpx.get('http://no.such.host.invalid/')", httpx=httpx)

    assert "ConnectError" in cell.text
    assert box_of(api, cell) is None


def test_only_the_method_of_the_request_is_another_one():
    source = "requests.get(urls.get('shop'))\nclient.get('/')"
    with httpx.Client() as client:
        cell = FailedCell(None, source, {"requests": requests, "urls": {}, "client": client})
        found = [source_of(cell, call.func) for call in cell.calls("get") if api._is_of_client(cell, call.func)]

    assert found == ["requests.get", "client.get"]


@pytest.mark.parametrize(("argument", "body"), [("json", '{"n": 5}'), ("data", "n=5")])
def test_the_body_of_a_request_is_shown_for_requests_too(argument, body):
    response = requests.Response()
    response.url, response.status_code, response._content = (
        f"{settings.api_url}/purchase",
        400,
        b'{"error": "no item"}',
    )
    item = {"n": 5}
    request = requests.Request(
        "POST", response.url, json=item if argument == "json" else None, data=item if argument == "data" else None
    )
    response.request = request.prepare()
    cell = FailedCell(None, f"requests.post(url, {argument}={{'n': 5}})", {"requests": requests})

    box = api.explain_answer(cell, response, settings)

    assert box
    assert box.what.startswith("The game API refused the request: no item.")
    assert body in box.proof


@pytest.mark.parametrize(
    ("headers", "corrected"),
    [
        ("{'Host: a.com', 'User-Agent: b'}", {"Host": "a.com", "User-Agent": "b"}),
        ("'X-Note: it\\'s'", {"X-Note": "it's"}),
        ("{'Host', 'a.com'}", {"Host": "a.com"}),
        ("{'Host: a.com', 'b'}", None),
    ],
)
def test_headers_keep_their_names_and_values(headers, corrected):
    box = box_of(arguments, failed(f"httpx.get('http://127.0.0.1:1/', headers={headers})", httpx=httpx))

    written = box and eval(box.remedy.partition("headers=")[2].removesuffix(")"))
    assert written == corrected


def test_the_learners_own_settings_are_not_those_of_the_kit():
    box = box_of(arguments, failed("httpx.get('/purchase')", httpx=httpx, settings={"api": "x"}))

    assert box.remedy == f"httpx.get({settings.api_url!r} + '/purchase')"


def test_an_answer_that_is_still_a_stream_is_not_read():
    """Its content comes from the service once, and may never end."""
    parts = iter([b'{"n": 1}'])
    answer = requests.Response()
    answer.raw = SimpleNamespace(stream=lambda *size, **options: parts, read=lambda *size: next(parts, b""))

    assert box_of(json_values, failed("json.loads(answer)", json=json, answer=answer)) is None
    assert next(answer.iter_content(100)) == b'{"n": 1}'


@pytest.mark.parametrize(
    "statement",
    [
        "consumer = KafkaConsumer('t')",
        "consumer: KafkaConsumer = KafkaConsumer('t')",
        "(consumer := KafkaConsumer('t')).poll()",
        "with closing(KafkaConsumer('t')) as consumer: pass",
    ],
)
def test_a_consumer_with_a_name_is_checked_by_what_it_has_read(monkeypatch, statement):
    monkeypatch.setattr(kafka_calls.kafka, "topic_offsets", lambda servers, topic: SimpleNamespace(count=3))
    named = FailedCell(None, f"{statement}\nprint(next(consumer))")
    unnamed = kafka_calls.unnamed_consumer_at_end(FailedCell(None, "rows = list(KafkaConsumer('t'))"), settings)

    assert kafka_calls.unnamed_consumer_at_end(named, settings) is None
    assert unnamed
    assert unnamed.remedy == "rows = list(KafkaConsumer('t', auto_offset_reset=\"earliest\"))"


@pytest.mark.parametrize(
    "line",
    [
        "ab -n 5 -p body_file",
        "ab -n 5 http://x:1/ -T text",
        "ab -n 5 http://x:1/a_knife extra",
        'ab -n 5 "http://x:1"a_knife',
    ],
)
def test_the_value_of_an_option_is_no_address(line):
    assert shell_http.address_without_path(FailedCell(None, f"!{line}", exit_code=1, failed=[]), settings) is None


def test_a_variable_of_the_shell_with_an_address_gets_a_path(monkeypatch):
    monkeypatch.setenv("API", "http://x:1")
    cell = FailedCell(None, "%%bash\nab -n 5 $API | tail -1", {}, exit_code=1, failed=[])

    assert box_of(shell_http, cell).remedy == "ab -n 5 $API/ | tail -1"
