"""The code blocks of CONTRIBUTING.md work."""

import re
import sys
import time
import uuid
from typing import Any

import httpx
import pytest

from eventlab.clients import http
from eventlab.settings import HOST, ROOT, Settings
from eventlab.stack import Stack, services
from tests.helpers import wait_until
from tests.stacks import free_settings

Names = dict[str, Any]


def recipe(heading):
    """Return the first Python block under the heading."""
    section = (ROOT / "CONTRIBUTING.md").read_text().split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    block = re.search(r"```python\n(.*?)```", section, re.DOTALL)
    assert block, heading
    return block[1]


def test_a_check_is_added():
    from eventlab.doctor import HealthCheck

    namespace: Names = {"HealthCheck": HealthCheck, "time": time}
    exec(recipe("Add a check"), namespace)

    assert namespace["clock"]().ok


def test_a_widget_is_added(tmp_path):
    import shutil
    from pathlib import Path

    import ipywidgets

    from eventlab.widgets.html import note
    from eventlab.widgets.panel import Panel, repeat

    namespace: Names = {
        "Panel": Panel,
        "Path": Path,
        "Settings": Settings,
        "ipywidgets": ipywidgets,
        "note": note,
        "repeat": repeat,
        "shutil": shutil,
    }
    exec(recipe("Add a widget"), namespace)
    widget = namespace["FreeDisk"](Settings(state_dir=tmp_path))
    bundle = widget._repr_mimebundle_()

    try:
        wait_until(lambda: "GiB are free" in widget.space.value)
    finally:
        widget.close()
    assert bundle["text/plain"] == "FreeDisk: the free space in the state folder"


def test_a_lab_check_is_added():
    from eventlab.labs.checks import Verdict, check, expect
    from eventlab.labs.evidence import Evidence, Message
    from eventlab.labs.names import Namespace

    namespace: Names = {"Evidence": Evidence, "Verdict": Verdict, "check": check, "expect": expect}
    exec(recipe("Add a lab check"), namespace)
    added = namespace["the_number_of_sword_purchases"]
    values = [b'{"event_type": "purchase_sword"}', b'{"event_type": "default"}', b"no JSON"]
    lab = Namespace.random("lab01_events")
    messages = [Message(0, offset, 0, None, value) for offset, value in enumerate(values)]
    seen = {("messages", lab.topic): messages}

    assert added.name == "the number of sword purchases"
    assert added.run(Evidence(lab, 1, {"q1": 1}, _seen=seen)).passed
    assert added.run(Evidence(lab, 1, {"q1": 3}, _seen=seen)) == Verdict(False, "1", "3")
    assert "no answer" in added.run(Evidence(lab, 1, {}, _seen=seen)).got


@pytest.mark.services
def test_an_explanation_is_added(stack, topic):
    from kafka import KafkaAdminClient
    from kafka.errors import TopicAlreadyExistsError

    from eventlab.clients import kafka
    from eventlab.explain.explanation import Explanation
    from eventlab.explain.failed_cell import FailedCell

    namespace: Names = {"Explanation": Explanation, "FailedCell": FailedCell, "Settings": Settings, "re": re}
    namespace["kafka"] = kafka
    exec(recipe("Add an explanation"), namespace)
    explain = namespace["topic_exists"]
    admin = KafkaAdminClient(bootstrap_servers=stack.bootstrap_servers)
    with pytest.raises(TopicAlreadyExistsError) as caught:
        admin.create_topics({topic: {"num_partitions": 1, "replication_factor": 1}})
    admin.close()

    assert explain(FailedCell(caught.value), stack).proof == "the end offsets of its partitions are {0: 0}"
    assert explain(FailedCell(TopicAlreadyExistsError("Topic 'never-made' already exists")), stack) is None
    assert explain(FailedCell(ValueError("no such thing")), stack) is None


@pytest.mark.services
def test_a_service_is_added(tmp_path, monkeypatch):
    namespace: Names = {"sys": sys, "HOST": HOST, "Settings": Settings, "Service": services.Service, "http": http}
    exec(recipe("Add a service"), namespace)
    monkeypatch.setitem(services.SERVICES, "files", namespace["FILES"])
    settings = free_settings(tmp_path)

    try:
        assert [status.state for status in Stack(settings).up(["files"])] == ["running"]
    finally:
        assert [status.state for status in Stack(settings).down(["files"])] == ["stopped"]
    assert not Stack(settings).open_ports(["files"])


@pytest.mark.services
def test_an_event_type_is_added(stack, tmp_path):
    from eventlab import course

    app = tmp_path / f"api_{uuid.uuid4().hex}.py"
    app.write_text((ROOT / "game_api.py").read_text() + "\n\n" + recipe("Add an event type"))
    settings = free_settings(tmp_path, api_app=app, external_bootstrap_servers=stack.bootstrap_servers)

    Stack(settings).up(["api"])
    try:
        answer = httpx.get(settings.api_url + "/join_a_guild")
    finally:
        Stack(settings).down(["api"])

    assert answer.text == "Guild Joined!\n"
    assert b"the early birds" in course.read_values(stack.topic)[-1]


@pytest.mark.services
def test_a_job_is_added(stack, topic):
    from kafka import KafkaProducer
    from pyspark.sql import DataFrame, SparkSession

    namespace: Names = {"DataFrame": DataFrame, "SparkSession": SparkSession}
    exec(recipe("Add a job"), namespace)
    producer = KafkaProducer(bootstrap_servers=stack.bootstrap_servers)
    producer.send(topic, b'{"event_type": "purchase_sword", "Host": "user1.comcast.com"}').get(timeout=10)
    producer.close()

    spark = SparkSession.builder.getOrCreate()
    rows = namespace["purchases_by_host"](spark, topic).collect()
    spark.stop()

    assert [tuple(row) for row in rows] == [("user1.comcast.com", 1)]


def test_each_module_of_the_library_has_less_than_300_lines():
    lines = {path: path.read_bytes().count(b"\n") for path in (ROOT / "lib").rglob("*.py")}

    assert {str(path): number for path, number in lines.items() if number >= 300} == {}
    assert len(lines) > 100
