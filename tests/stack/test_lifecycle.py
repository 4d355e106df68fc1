"""Start, status, log, restart and stop of real services."""

import json
import os
import re
import signal
import socket
import time
from pathlib import Path

import psutil
import pytest

from eventlab.clients import kafka
from eventlab.errors import StackError
from eventlab.settings import Settings
from eventlab.stack import Stack, process
from tests.helpers import has_ended, process_of, suspend, wait_until
from tests.stack.helpers import received, send, states

pytestmark = pytest.mark.services


def test_a_second_up_starts_nothing(running: Settings):
    before = {service.name: service.pid for service in Stack(running).status()}
    phases = []

    again = Stack(running, report=lambda name, phase: phases.append((name, phase))).up(["kafka", "api"])

    assert [(service.name, service.state) for service in again] == [("kafka", "running"), ("api", "running")]
    assert {service.name: service.pid for service in Stack(running).status()} == before
    assert sorted(phases) == [("api", "ready"), ("kafka", "ready")]


def test_an_unknown_service_is_refused_with_the_names_of_all_services(shared: Settings):
    with pytest.raises(StackError, match="there is no service 'zookeeper'; there are: kafka, namenode"):
        Stack(shared).up(["zookeeper"])


def test_kafka_has_the_course_topic_with_one_partition(running: Settings):
    offsets = kafka.topic_offsets(running.bootstrap_servers, "events")

    assert offsets
    assert set(offsets.end) == {0}


@pytest.mark.parametrize("command", ["status", "ps"])
def test_status_as_json_is_a_list_of_services_with_their_fields(running: Settings, eventlab, command: str):
    Stack(running).down(["spark"])  # it runs if the whole folder is not tested
    done = eventlab(running, command, "--json")
    services = {service["name"]: service for service in json.loads(done.stdout)}

    assert list(services) == ["kafka", "namenode", "datanode", "spark", "api", "jupyter"]
    fields = ["name", "state", "pid", "address", "rss_bytes", "uptime_s"]
    assert all(list(service) == fields for service in services.values())
    assert services["kafka"]["address"] == running.bootstrap_servers
    assert services["kafka"]["rss_bytes"] > 50e6
    assert 0 < services["kafka"]["uptime_s"] < time.time() - process_of(running, "kafka").create_time() + 1
    assert services["spark"] == {
        "name": "spark",
        "state": "stopped",
        "pid": None,
        "address": running.spark_remote,
        "rss_bytes": 0,
        "uptime_s": 0.0,
    }


def test_the_table_shows_each_service_with_its_state_address_and_memory(running: Settings, eventlab):
    shown = eventlab(running, "status").stdout

    kafka = next(line for line in shown.splitlines() if line.startswith("kafka"))
    assert {"running", running.bootstrap_servers, "MiB"} <= set(kafka.split())
    assert any(line.startswith("total") and "MiB" in line for line in shown.splitlines())


@pytest.mark.parametrize("name", ["kafka", "api"])
def test_a_suspended_service_has_crashed(running: Settings, name: str):
    suspended = process_of(running, name)
    suspend(suspended)
    try:
        assert states(running, name) == ["crashed"]
    finally:
        suspended.resume()
    # The controller may have fenced a broker that it has not heard of for seconds.
    wait_until(lambda: states(running, name) == ["running"], timeout_s=60)


def test_up_replaces_a_service_that_does_not_answer(running: Settings):
    suspended = process_of(running, "api")
    suspend(suspended)

    Stack(running).up(["api"])

    assert not process.alive(suspended)
    assert states(running, "api") == ["running"]


def test_a_killed_service_has_crashed_and_up_starts_it_again(running: Settings):
    killed = process_of(running, "api")
    killed.kill()
    killed.wait(60)

    assert states(running, "api") == ["crashed"]
    Stack(running).up(["api"])
    assert states(running, "api") == ["running"]


def test_down_does_not_end_another_process_that_a_wrong_record_names(
    running: Settings, other_process: psutil.Process
):
    Stack(running).down(["api"])
    record = process.record_file(running, "api")
    record.write_text(json.dumps({"pid": other_process.pid, "since_boot": 12.5, "command": ["api"]}))

    assert states(running, "api") == ["crashed"]
    Stack(running).down(["api"])

    assert process.alive(other_process)
    assert states(running, "api") == ["stopped"]


def test_up_starts_a_service_although_its_record_is_wrong(running: Settings, other_process: psutil.Process):
    Stack(running).down(["api"])
    record = process.record_file(running, "api")
    record.write_text(json.dumps({"pid": other_process.pid, "since_boot": 12.5, "command": ["api"]}))

    Stack(running).up(["api"])

    assert states(running, "api") == ["running"]
    assert process.alive(other_process)


def test_down_of_one_service_reports_this_service(running: Settings, eventlab):
    done = eventlab(running, "down", "api")

    assert done.returncode == 0
    assert "Stopped: api. Their ports are closed." in done.stdout
    assert states(running, "kafka") == ["running"]


def test_down_fails_when_what_the_stack_started_still_listens(running: Settings, monkeypatch):
    monkeypatch.setattr("eventlab.stack.stack.stop_all", lambda *_: None)

    with pytest.raises(StackError, match=rf"still open: {running.api_port} \(process \d+ "):
        Stack(running).down(["api"])


def test_logs_prints_the_log_of_a_service_or_that_there_is_none(running: Settings, unused: Settings, eventlab):
    assert "Kafka Server started" in eventlab(running, "logs", "kafka").stdout

    none = eventlab(unused, "logs", "spark")
    assert none.returncode == 1
    assert "spark has no log yet\nNext: eventlab up spark" in none.stderr


def test_logs_follows_a_growing_log(running: Settings, start_eventlab):
    following = start_eventlab(running, "logs", "api", "-f", "-n", "1")
    log = process.log_file(running, "api")
    line = ""
    deadline = time.monotonic() + 60
    while "mark" not in line:  # the first lines may be written before the command follows
        assert time.monotonic() < deadline
        with log.open("a") as file:
            file.write("mark\n")
        line = following.stdout.readline()
    following.send_signal(signal.SIGINT)

    assert "Traceback" not in following.communicate(timeout=60)[1]


def test_restart_replaces_the_process(running: Settings, eventlab):
    before = process.find(running, "api")
    done = eventlab(running, "restart", "api")

    assert done.returncode == 0
    assert process.find(running, "api") not in (None, before)
    assert states(running, "kafka", "api") == ["running", "running"]


def test_two_stacks_run_at_the_same_time(running: Settings, new_stack, tmp_path: Path):
    other = new_stack(tmp_path / "other")
    Stack(other).up(["kafka"])
    send(other, b"only in the other")

    assert states(running, "kafka") == states(other, "kafka") == ["running"]
    assert b"only in the other" not in received(running)
    Stack(other).down()
    assert states(running, "kafka") == ["running"]


def test_down_ends_all_services_and_closes_the_ports(running: Settings, eventlab):
    pids = [service.pid for service in Stack(running).status() if service.pid]
    done = eventlab(running, "down")

    assert done.returncode == 0
    assert "No service is running. All ports are closed." in done.stdout
    assert all(map(has_ended, pids))
    assert Stack(running).open_ports() == []


def test_a_second_down_succeeds(stopped: Settings, eventlab):
    assert eventlab(stopped, "down").returncode == 0


def test_up_with_a_port_in_use_names_the_process_and_starts_nothing(stopped: Settings, eventlab):
    with socket.create_server(("127.0.0.1", stopped.api_port)):
        done = eventlab(stopped, "up", "kafka", "api")

    assert done.returncode == 1
    assert f"api needs port {stopped.api_port} (EVENTLAB_API_PORT), which process {os.getpid()} " in done.stderr
    assert re.search(r"export EVENTLAB_PORT_OFFSET=\d+$", done.stderr.strip())
    assert "Traceback" not in done.stderr
    assert "starting" not in done.stderr
    assert states(stopped, "kafka", "api") == ["stopped", "stopped"]


def test_down_names_a_port_that_another_program_uses_and_succeeds(stopped: Settings, eventlab):
    with socket.create_server(("127.0.0.1", stopped.api_port)):
        done = eventlab(stopped, "down")

    assert done.returncode == 0
    assert f"Port {stopped.api_port} is open: process {os.getpid()} (" in done.stdout
    assert "All ports are closed" not in done.stdout


def test_two_simultaneous_ups_start_each_named_service_once_and_no_other(stopped: Settings, start_eventlab):
    both = [start_eventlab(stopped, "up", "kafka", "api") for _ in range(2)]
    outputs = [command.communicate(timeout=120) for command in both]

    assert [command.returncode for command in both] == [0, 0], outputs
    assert sum(text.count("kafka starting") for _, text in outputs) == 1
    assert states(stopped, "kafka", "namenode", "datanode", "spark", "api", "jupyter") == [
        "running",
        "stopped",
        "stopped",
        "stopped",
        "running",
        "stopped",
    ]
