"""Killed services come back with all events and files, and nothing listens beyond the loopback address."""

import json
import socket

import psutil
import pytest

from eventlab.clients import ports
from eventlab.settings import Settings
from eventlab.stack import Stack, process
from eventlab.stack.services import SERVICES
from tests.helpers import process_of, wait_until
from tests.stack.helpers import COURSE, STORAGE, get_file, processes_of, put_file, received, send, states

pytestmark = pytest.mark.services


def test_status_shows_that_six_services_use_at_most_two_gibibytes(complete: Settings, eventlab):
    Stack(complete, SERVICES).up()

    services = json.loads(eventlab(complete, "status", "--json").stdout)

    assert [service["state"] for service in services] == ["running"] * 6
    assert sum(service["rss_bytes"] for service in services) <= 2 * 2**30
    Stack(complete).down(["jupyter"])


def test_nothing_listens_beyond_the_loopback_address(complete: Settings):
    listening = {
        (member.name(), link.laddr.ip, link.laddr.port)
        for name in COURSE
        for service in [process_of(complete, name)]
        for member in [service, *service.children(recursive=True)]
        for link in member.net_connections("inet")
        if link.status == psutil.CONN_LISTEN or link.type == socket.SOCK_DGRAM
    }

    assert {ip.removeprefix("::ffff:") for _, ip, _ in listening} == {"127.0.0.1"}, listening
    expected = {getattr(complete, port) for port in type(complete).model_fields if port.endswith("_port")}
    assert expected - {complete.jupyter_port} <= {port for *_, port in listening}


@pytest.mark.parametrize("name", COURSE)
def test_a_killed_service_starts_again_with_all_events_and_files(complete: Settings, name: str):
    messages = [f"before {name} was killed {number}".encode() for number in range(50)]
    send(complete, *messages)
    put_file(complete, f"/tmp/{name}/finished", name.encode() * 1000)
    killed = process_of(complete, name)

    killed.kill()

    wait_until(lambda: not process.alive(killed))
    assert states(complete, name) == ["crashed"]
    Stack(complete).up()
    assert states(complete, *COURSE) == ["running"] * 5
    assert [message for message in received(complete) if message in messages] == messages
    assert get_file(complete, f"/tmp/{name}/finished") == name.encode() * 1000


def test_topics_events_and_files_survive_down_which_ends_all_processes_and_up_which_starts_what_they_need(
    complete: Settings,
):
    messages = [b"before down %d" % number for number in range(100)]
    send(complete, *messages)
    put_file(complete, "/tmp/kept", b"kept")

    Stack(complete).down()
    assert Stack(complete).open_ports() == []
    assert processes_of(complete) == []
    assert ports.is_free(complete.kafka_port)
    started = Stack(complete).up(["kafka", "datanode"])

    assert [(service.name, service.state) for service in started] == [(name, "running") for name in STORAGE]
    assert [message for message in received(complete) if message in messages] == messages
    assert get_file(complete, "/tmp/kept") == b"kept"
