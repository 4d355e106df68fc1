"""Up, status, down on real services: what is said is what is."""

import json
import os
import re
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from kafka import KafkaConsumer, KafkaProducer

from eventlab.cli import app
from eventlab.clients import ports
from eventlab.errors import StackError
from eventlab.settings import OwnSettings, Settings
from eventlab.stack import Stack, config, process
from eventlab.stack.services import SERVICES
from eventlab.stack.tokens import jupyter_token
from tests.stacks import free_settings

pytestmark = pytest.mark.services


@pytest.fixture
def running(own: Settings) -> Settings:
    """The module's stack with Kafka and the API up."""
    Stack(own).up(["kafka", "api"])
    return own


@pytest.fixture
def stopped(own: Settings) -> Settings:
    """The module's stack, down."""
    Stack(own).down()
    return own


def states(settings: Settings, *names: str) -> list[str]:
    return [service.state for service in Stack(settings).status(names)]


def send(settings: Settings, *messages: bytes) -> None:
    """Send to the course's topic and wait for every acknowledgement."""
    producer = KafkaProducer(bootstrap_servers=settings.bootstrap_servers, acks="all")
    for message in messages:
        producer.send(settings.topic, message).get(timeout=10)
    producer.close()


def received(settings: Settings) -> list[bytes]:
    """Everything in the course's topic."""
    consumer = KafkaConsumer(
        settings.topic,
        bootstrap_servers=settings.bootstrap_servers,
        auto_offset_reset="earliest",
        consumer_timeout_ms=1000,
    )
    found = [message.value for message in consumer]
    consumer.close()
    return found


def test_up_starts_the_services_and_up_again_starts_nothing(running: Settings):
    before = {service.name: service.pid for service in Stack(running).status()}
    phases = []

    again = Stack(running, report=lambda name, phase: phases.append((name, phase))).up(["kafka", "api"])

    assert [(service.name, service.state) for service in again] == [("kafka", "running"), ("api", "running")]
    assert {service.name: service.pid for service in Stack(running).status()} == before
    assert sorted(phases) == [("api", "ready"), ("kafka", "ready")]


def test_only_the_named_services_are_started(running: Settings):
    assert states(running, "kafka", "namenode", "datanode", "spark", "api", "jupyter") == [
        "running",
        "stopped",
        "stopped",
        "stopped",
        "running",
        "stopped",
    ]


def test_a_service_that_does_not_exist_is_refused_with_the_names_that_do(own: Settings):
    with pytest.raises(StackError, match="unknown service zookeeper; the services are kafka, namenode"):
        Stack(own).up(["zookeeper"])


def test_kafka_has_the_course_topic_with_one_partition(running: Settings):
    consumer = KafkaConsumer(bootstrap_servers=running.bootstrap_servers)
    partitions = consumer.partitions_for_topic("events")
    consumer.close()

    assert partitions == {0}


@pytest.mark.parametrize("command", ["status", "ps"])
def test_status_as_json_is_a_list_with_the_promised_keys(running: Settings, eventlab, command: str):
    done = eventlab(running, command, "--json")
    found = {service["name"]: service for service in json.loads(done.stdout)}

    assert list(found) == ["kafka", "namenode", "datanode", "spark", "api", "jupyter"]
    assert all(
        list(service) == ["name", "state", "pid", "address", "rss_bytes", "uptime_s"] for service in found.values()
    )
    assert found["kafka"]["address"] == running.bootstrap_servers
    assert found["kafka"]["rss_bytes"] > 50e6
    assert 0 < found["kafka"]["uptime_s"] < 600
    assert found["spark"] == {
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


def test_a_service_that_is_held_up_is_not_said_to_run(running: Settings):
    held = process.find(running, "api")
    assert held is not None
    os.kill(held.pid, signal.SIGSTOP)
    try:
        assert states(running, "api") == ["crashed"]
    finally:
        os.kill(held.pid, signal.SIGCONT)
    assert states(running, "api") == ["running"]


def test_up_replaces_a_service_that_does_not_answer(running: Settings):
    held = process.find(running, "api")
    assert held is not None
    os.kill(held.pid, signal.SIGSTOP)

    Stack(running).up(["api"])

    assert not process.alive(held)
    assert states(running, "api") == ["running"]


def test_a_killed_service_has_crashed_and_up_brings_it_back(running: Settings):
    killed = process.find(running, "api")
    assert killed is not None
    killed.kill()
    killed.wait(5)

    assert states(running, "api") == ["crashed"]
    Stack(running).up(["api"])
    assert states(running, "api") == ["running"]


def test_a_record_of_somebody_elses_process_is_neither_believed_nor_acted_on(
    running: Settings, bystander: psutil.Process
):
    Stack(running).down(["api"])
    record = process.record_file(running, "api")
    record.write_text(json.dumps({"pid": bystander.pid, "since_boot": 12.5, "command": ["api"]}))

    assert states(running, "api") == ["crashed"]
    Stack(running).down(["api"])

    assert process.alive(bystander)
    assert states(running, "api") == ["stopped"]


def test_a_stale_record_does_not_keep_a_service_from_starting(running: Settings, bystander: psutil.Process):
    Stack(running).down(["api"])
    record = process.record_file(running, "api")
    record.write_text(json.dumps({"pid": bystander.pid, "since_boot": 12.5, "command": ["api"]}))

    Stack(running).up(["api"])

    assert states(running, "api") == ["running"]
    assert process.alive(bystander)


def test_a_port_in_use_is_refused_before_anything_starts_and_its_holder_is_named(stopped: Settings, eventlab):
    with socket.create_server(("127.0.0.1", stopped.api_port)):
        done = eventlab(stopped, "up", "kafka", "api")

    assert done.returncode == 1
    assert f"api needs port {stopped.api_port} (EVENTLAB_API_PORT), which process {os.getpid()} " in done.stderr
    assert re.search(r"export EVENTLAB_PORT_OFFSET=\d+$", done.stderr.strip())
    assert "Traceback" not in done.stderr
    assert "starting" not in done.stderr
    assert states(stopped, "kafka", "api") == ["stopped", "stopped"]


def test_topics_and_events_survive_down_and_up(running: Settings):
    marks = [b"before down %d" % number for number in range(100)]
    send(running, *marks)

    Stack(running).down()
    Stack(running).up(["kafka"])

    assert [message for message in received(running) if message in marks] == marks


def test_down_ends_everything_and_closes_the_ports(running: Settings, eventlab):
    pids = [service.pid for service in Stack(running).status() if service.pid]
    done = eventlab(running, "down")

    assert done.returncode == 0
    assert "(none is running)" in done.stdout
    assert "All ports are closed" in done.stdout
    assert not any(psutil.pid_exists(pid) and process.alive(psutil.Process(pid)) for pid in pids)
    assert Stack(running).open_ports() == []


def test_down_of_one_service_speaks_of_that_one_only(running: Settings, eventlab):
    done = eventlab(running, "down", "api")

    assert done.returncode == 0
    assert "(api: stopped)" in done.stdout
    assert "The ports of api are closed" in done.stdout
    assert states(running, "kafka") == ["running"]


def test_a_strangers_port_is_named_and_does_not_make_down_fail(stopped: Settings, eventlab):
    with socket.create_server(("127.0.0.1", stopped.api_port)):
        done = eventlab(stopped, "down")

    assert done.returncode == 0
    assert f"Port {stopped.api_port} is open: process {os.getpid()} (" in done.stdout
    assert "All ports are closed" not in done.stdout


def test_down_fails_when_what_the_stack_started_still_listens(running: Settings, monkeypatch, capsys):
    monkeypatch.setattr("eventlab.cli.stack.settings", running)
    monkeypatch.setattr(Stack, "down", lambda stack, names=(): stack.status(names))

    with pytest.raises(SystemExit) as ended:
        app.main(["down", "api"])

    assert ended.value.code == 1
    assert f"still open: {running.api_port}" in capsys.readouterr().err


def test_a_service_that_needs_another_is_started_with_it(stopped: Settings):
    started = Stack(stopped).up(["datanode"])

    assert [(service.name, service.state) for service in started] == [
        ("namenode", "running"),
        ("datanode", "running"),
    ]
    Stack(stopped).down()


def test_down_again_is_fine(stopped: Settings, eventlab):
    assert eventlab(stopped, "down").returncode == 0


def test_logs_prints_a_services_log_and_says_when_there_is_none(running: Settings, eventlab):
    assert "Kafka Server started" in eventlab(running, "logs", "kafka").stdout

    none = eventlab(running, "logs", "spark")
    assert none.returncode == 1
    assert "spark has no log yet. Start it: eventlab up spark" in none.stderr


def test_logs_follows_a_log_that_grows(running: Settings, begin):
    following = begin(running, "logs", "api", "-f", "-n", "1")
    log = process.log_file(running, "api")
    seen = ""
    deadline = time.monotonic() + 20
    while "mark" not in seen:  # the command may not follow yet when the first lines come
        assert time.monotonic() < deadline
        with log.open("a") as file:
            file.write("mark\n")
        seen = following.stdout.readline()
    following.send_signal(signal.SIGINT)

    assert "Traceback" not in following.communicate(timeout=10)[1]


def test_restart_replaces_the_process(running: Settings, eventlab):
    before = process.find(running, "api")
    done = eventlab(running, "restart", "api")

    assert done.returncode == 0
    assert process.find(running, "api") not in (None, before)
    assert states(running, "kafka", "api") == ["running", "running"]


def test_two_stacks_run_side_by_side(running: Settings, new_stack, tmp_path: Path):
    other = new_stack(tmp_path / "other")
    Stack(other).up(["kafka"])
    send(other, b"only in the other")

    assert states(running, "kafka") == states(other, "kafka") == ["running"]
    assert b"only in the other" not in received(running)
    Stack(other).down()
    assert states(running, "kafka") == ["running"]


def test_two_ups_at_once_start_each_service_once(stopped: Settings, begin):
    both = [begin(stopped, "up", "kafka", "api") for _ in range(2)]
    outputs = [command.communicate(timeout=60) for command in both]

    assert [command.returncode for command in both] == [0, 0], outputs
    assert sum(text.count("kafka starting") for _, text in outputs) == 1
    assert states(stopped, "kafka", "api") == ["running", "running"]


def test_reset_leaves_a_stack_as_new(running: Settings, eventlab):
    send(running, b"to be forgotten")

    done = eventlab(running, "reset", "--yes")

    assert done.returncode == 0
    assert states(running, "kafka") == ["stopped"]
    Stack(running).up(["kafka"])
    assert received(running) == []


def test_reset_leaves_nothing_of_the_kit_and_everything_else(stopped: Settings, eventlab):
    Stack(stopped).up(["api"])
    config.render_for_containers(stopped)
    jupyter_token(stopped)
    for name in ("saved", "lesson-06"):
        (stopped.state_dir / name).mkdir(exist_ok=True)
    (stopped.state_dir / "mine.txt").touch()

    assert eventlab(stopped, "reset", "--yes").returncode == 0

    assert sorted(path.name for path in stopped.state_dir.iterdir()) == ["lock", "mine.txt"]
    (stopped.state_dir / "mine.txt").unlink()


def test_reset_says_what_it_could_not_delete(stopped: Settings, monkeypatch, capsys):
    Stack(stopped).up(["api"])

    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(shutil, "rmtree", refuse)
    with pytest.raises(StackError, match="Permission denied"):
        Stack(stopped).reset()


def test_reset_asks_first_and_does_nothing_without_a_yes(running: Settings, eventlab):
    done = eventlab(running, "reset")

    assert done.returncode == 1
    assert states(running, "kafka") == ["running"]


@pytest.fixture
def odd_folder(tmp_path: Path) -> Path:
    """What people call their folders."""
    return tmp_path / "Übung 1 & 2 ☃ (neu)"


def test_a_path_with_spaces_and_unicode_will_do(odd_folder: Path, new_stack):
    odd = new_stack(odd_folder / "state")

    Stack(odd).up(["kafka", "namenode", "datanode"])

    assert states(odd, "kafka", "namenode", "datanode") == ["running"] * 3
    assert (odd.state_dir / "data" / "kafka" / "meta.properties").exists()
    assert (odd.state_dir / "data" / "hdfs" / "name" / "current" / "VERSION").exists()
    assert (odd.state_dir / "data" / "hdfs" / "data" / "current" / "VERSION").exists()
    Stack(odd).down()


def test_a_symlinked_state_folder_will_do(new_stack, tmp_path: Path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    linked = new_stack(tmp_path / "link")

    Stack(linked).up(["kafka"])

    assert states(linked, "kafka") == ["running"]
    Stack(linked).down()
    assert (tmp_path / "real" / "data" / "kafka").is_dir()


def test_a_state_folder_that_cannot_be_used_is_an_error_and_no_traceback(own: Settings, tmp_path: Path, eventlab):
    (tmp_path / "file").touch()
    impossible = own.model_copy(update={"state_dir": tmp_path / "file" / "state"})

    done = eventlab(impossible, "up", "kafka")

    assert done.returncode == 1
    assert f"the state folder {tmp_path}/file/state cannot be used" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def deleted_under(new_stack, tmp_path: Path) -> Iterator[Settings]:
    """A stack whose state folder was deleted while it ran."""
    settings = new_stack(tmp_path / "state")
    Stack(settings).up(["api"])
    orphan = process.find(settings, "api")
    assert orphan is not None
    shutil.rmtree(settings.state_dir)
    yield settings
    process.stop(orphan)


def test_a_state_folder_deleted_while_running_leaves_a_clear_way_out(deleted_under: Settings, eventlab: Callable):
    assert eventlab(deleted_under, "status").returncode == 0
    refused = eventlab(deleted_under, "up", "api")

    assert refused.returncode == 1
    pid = int(re.search(r"which process (\d+) ", refused.stderr)[1])
    assert str(deleted_under.api_port) in " ".join(psutil.Process(pid).cmdline())
    psutil.Process(pid).terminate()
    deadline = time.monotonic() + 10
    while not ports.is_free(deleted_under.api_port):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert eventlab(deleted_under, "up", "api").returncode == 0
    Stack(deleted_under).down()


def given_by_address(settings: Settings, folder: Path, **others: str) -> Settings:
    """Settings of somebody whose Kafka and API are these, and who has other ports and another state folder."""
    addresses = {"kafka_bootstrap_servers": settings.bootstrap_servers, "api_address": settings.api_url}
    return free_settings(folder, OwnSettings, **addresses | others)


def test_services_that_somebody_else_runs_are_asked_and_neither_started_nor_stopped(running: Settings, tmp_path):
    guest = given_by_address(running, tmp_path)

    found = Stack(guest).up(["kafka", "api"])
    Stack(guest).down(["kafka", "api"])

    assert [(each.state, each.pid, each.address) for each in found] == [
        ("running", None, running.bootstrap_servers),
        ("running", None, running.api_url),
    ]
    assert states(running, "kafka", "api") == ["running", "running"]


@pytest.mark.parametrize(
    ("service", "setting", "address"),
    [
        ("kafka", "kafka_bootstrap_servers", "127.0.0.1:1"),
        ("api", "api_address", "http://127.0.0.1:1"),
        ("namenode", "default_fs_url", "hdfs://127.0.0.1:1"),
        ("spark", "spark_remote_url", "sc://127.0.0.1:1"),
    ],
)
def test_up_says_which_service_of_somebody_else_does_not_answer(tmp_path: Path, service, setting, address):
    guest = free_settings(tmp_path, OwnSettings, **{setting: address})

    with pytest.raises(StackError) as caught:
        Stack(guest, SERVICES).up()

    assert f"{service} (EVENTLAB_{setting.upper()}={address}) does not answer" in str(caught.value)
    assert not (tmp_path / "run").exists()
    assert Stack(guest).status([service])[0].state == "stopped"


def test_the_data_node_of_somebody_else_is_asked_about_through_its_name_node(stopped: Settings, tmp_path: Path):
    Stack(stopped).up(["namenode", "datanode"])
    hdfs = {"default_fs_url": stopped.default_fs, "webhdfs": stopped.webhdfs_url}
    guest = given_by_address(stopped, tmp_path, **hdfs)

    assert states(guest, "namenode", "datanode") == ["running", "running"]

    Stack(stopped).down(["namenode", "datanode"])
    assert states(guest, "namenode", "datanode") == ["stopped", "stopped"]
