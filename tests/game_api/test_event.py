"""An event's fields, the API's log line, and an API without Kafka."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlab.stack import serve_api
from game_api import EventLog, create_app, decode, normalize, with_headers

HEADERS = st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20)), max_size=10)


@given(HEADERS)
def test_a_header_never_replaces_a_field_of_the_event(headers):
    fields = {"event_type": "purchase_knife", "description": "very sharp knife"}

    merged = with_headers(fields, headers)

    assert {name: merged[name] for name in fields} == fields
    assert list(merged)[:2] == list(fields)


@pytest.mark.parametrize("name", ["event_type", "Event-Type", "EVENT_TYPE", "event-Type"])
def test_a_header_with_the_name_of_a_field_is_left_out(name):
    assert with_headers({"event_type": "default"}, [(name, "forged")]) == {"event_type": "default"}


@pytest.mark.parametrize("name", ["Authorization", "AUTHORIZATION", "Proxy-Authorization", "cookie", "Cookie"])
def test_secrets_are_left_out_in_any_case(name):
    assert with_headers({"event_type": "default"}, [(name, "secret")]) == {"event_type": "default"}


@given(st.text(max_size=30))
def test_a_header_sent_as_utf8_is_read_as_utf8(text):
    assert decode(text.encode().decode("latin-1")) == text


@pytest.mark.parametrize("name", ["Event-Type", "EVENT_TYPE", "event-type", "event_type"])
def test_names_that_are_equal_for_http_and_sql_are_one_name(name):
    assert normalize(name) == "event_type"


def test_importing_and_creating_the_app_connects_to_nothing():
    app = create_app({"BOOTSTRAP_SERVERS": "no.such.host.invalid:1"})

    assert app.extensions["events"]._producer is None


def test_any_error_of_the_client_library_is_a_503(monkeypatch):
    app = create_app()
    monkeypatch.setattr(EventLog, "producer", lambda self: None)

    assert app.test_client().get("/").status_code == 503


def test_the_log_line_has_the_form_of_flask_run():
    line = serve_api.log_line("127.0.0.1", "GET /?a=1 HTTP/1.0", "200")

    assert re.fullmatch(r'127\.0\.0\.1 - - \[\d\d/\w{3}/\d{4} \d\d:\d\d:\d\d\] "GET /\?a=1 HTTP/1\.0" 200 -', line)


def test_a_request_cannot_add_a_line_to_the_log():
    assert "\n" not in serve_api.log_line("127.0.0.1", 'GET /\n127.0.0.1 - - "forged', "200")
