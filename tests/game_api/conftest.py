"""The game API as the stack serves it."""

import uuid
from types import SimpleNamespace

import pytest

from eventlab.clients import kafka
from tests.game_api.helpers import SERVED, events, serving


@pytest.fixture(scope="package")
def served(stack, tmp_path_factory):
    """Serve the API as the stack does, with a new topic; return its address, topic and log."""
    topic, log = f"test-{uuid.uuid4().hex[:12]}", tmp_path_factory.mktemp("served") / "api.log"
    kafka.create_topic(stack.bootstrap_servers, topic)
    with serving(SERVED, log, EVENTLAB_TOPIC=topic) as (url, _):
        yield SimpleNamespace(url=url, topic=topic, log=log)
    kafka.delete_topics(stack.bootstrap_servers, [topic])


@pytest.fixture
def url(served):
    """Return the address of the API."""
    return served.url


@pytest.fixture
def sent(served, stack):
    """Return a function that returns the events that the API has sent since the test began."""
    before = len(events(served.topic, stack.bootstrap_servers))
    return lambda: events(served.topic, stack.bootstrap_servers)[before:]
