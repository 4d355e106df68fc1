"""`Stack` starts and stops services in a block and in a new folder."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from eventlab.clients import http
from eventlab.errors import StackError
from eventlab.settings import HOST, Settings
from eventlab.stack import Stack, fresh_stack, process, startup
from eventlab.stack.services import SERVICES, Service
from eventlab.stack.stack import ServiceStatus
from eventlab.stack.startup import WAITING
from tests.helpers import Stopwatch, has_ended, suspend
from tests.stacks import free_offset, free_settings

pytestmark = pytest.mark.services
SERVER = """
import http.server, os, sys, time
while not os.path.exists(sys.argv[2]):
    {waiting}
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), http.server.SimpleHTTPRequestHandler).serve_forever()
"""


def server_command(settings: Settings, waiting: str = "pass", until: Path = Path("/")) -> list[str]:
    """Return the command of a web server that computes (`pass`) or sleeps until a file exists, then answers."""
    return [sys.executable, "-c", SERVER.format(waiting=waiting), str(settings.api_port), str(until)]


def probe_server(settings: Settings) -> None:
    """Call the web server."""
    http.get(settings.api_url, timeout_s=10)


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> str:
    """Add a service that starts in milliseconds, and return its name."""
    service = Service(
        name="web",
        label="The web server",
        port_settings=("api_port",),
        command=server_command,
        probe=probe_server,
        address=lambda settings: settings.api_url,
    )
    monkeypatch.setitem(SERVICES, "web", service)
    return "web"


@pytest.fixture
def settings(tmp_path: Path, web: str) -> Iterator[Settings]:
    """Return settings of a stack; its web server is stopped after the test."""
    settings = free_settings(tmp_path / "state")
    yield settings
    Stack(settings).down([web])


NEVER = Path("/no/such/file")


def start(settings: Settings, name: str, waiting: str, until: Path = NEVER) -> psutil.Process:
    """Start a service that does not answer before a file exists."""
    return process.start(settings, name, server_command(settings, waiting, until), dict(os.environ), Path("/"))


def up_of_a_slow_service(
    settings: Settings, name: str, waiting: str, seconds: float
) -> tuple[psutil.Process, ServiceStatus, list[str]]:
    """Start a service that answers some seconds after `up` has seen that it does not.

    Return its process, its status after `up`, and the phases that were reported.
    """
    file, phases = settings.state_dir.parent / "answers", list[str]()

    def report(_: str, phase: str) -> None:
        phases.append(phase)
        if phase == WAITING:
            threading.Timer(seconds, file.touch).start()

    slow = start(settings, name, waiting, file)
    (status,) = Stack(settings, [name], report).up()
    return slow, status, phases


def test_a_block_starts_and_stops_services(settings: Settings, web: str):
    with Stack(settings, [web]) as stack:
        assert [status.state for status in stack.status([web])] == ["running"]
        assert stack.listening_ports([web]) == {settings.api_port}

    assert stack.open_ports([web]) == []


def test_a_block_does_not_stop_a_service_that_ran_before(settings: Settings, web: str):
    Stack(settings, [web]).up()

    with Stack(settings, [web]):
        pass

    assert [status.state for status in Stack(settings).status([web])] == ["running"]


def test_the_environment_is_that_of_the_stack_only_inside_a_block(settings: Settings, web: str):
    before = dict(os.environ)

    with Stack(settings, [web]) as stack:
        assert os.environ["KAFKA_BOOTSTRAP_SERVERS"] == stack.bootstrap_servers == settings.bootstrap_servers
        assert os.environ["SPARK_REMOTE"] == stack.spark_remote
        assert Settings().api_url == stack.api_url

    assert dict(os.environ) == before


def test_a_block_that_fails_restores_the_environment_and_stops_its_services(settings: Settings, web: str):
    before = dict(os.environ)

    with pytest.raises(RuntimeError), Stack(settings, [web]) as stack:
        raise RuntimeError

    assert dict(os.environ) == before
    assert stack.open_ports([web]) == []


def test_restart_replaces_the_process(settings: Settings, web: str):
    stack = Stack(settings, [web])
    (before,) = stack.up()

    (after,) = stack.restart()

    assert after.state == "running"
    assert after.pid != before.pid


def test_up_waits_for_a_slow_service_that_computes(settings: Settings, web: str):
    slow, status, phases = up_of_a_slow_service(settings, web, waiting="pass", seconds=1)

    assert status.pid == slow.pid
    assert phases == [WAITING, "ready"]


def test_up_waits_for_a_slow_service_that_writes_to_its_log(
    settings: Settings, web: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(startup, "STALLED_S", 2)
    writes = "print('loading', flush=True); time.sleep(0.1)"
    slow, status, phases = up_of_a_slow_service(settings, web, writes, seconds=3)

    assert status.pid == slow.pid
    assert phases == [WAITING, "ready"]


def test_a_service_that_makes_no_progress_is_restarted(
    settings: Settings, web: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(startup, "STALLED_S", 1.5)
    hanging = start(settings, web, waiting="time.sleep(600)")
    phases: list[str] = []

    (status,) = Stack(settings, [web], lambda name, phase: phases.append(phase)).up()

    assert status.pid != hanging.pid
    assert phases == [WAITING, "stopping", "preparing", "starting", "ready"]


def test_up_waits_for_a_busy_service_until_the_timeout_and_does_not_stop_it(settings: Settings, web: str):
    busy = start(settings, web, waiting="pass")
    impatient = settings.model_copy(update={"start_timeout_s": 1.0})

    with pytest.raises(StackError, match=rf"(?s){web} is busy.*within 1 s.*Next: eventlab restart {web}"):
        Stack(impatient, [web]).up()

    assert busy.is_running()
    Stack(settings, [web]).down()


def test_a_suspended_service_is_restarted_within_ten_seconds(settings: Settings, web: str):
    suspended = start(settings, web, waiting="pass", until=Path("/"))
    suspend(suspended)
    taken = Stopwatch()

    (status,) = Stack(settings, [web]).up()

    assert status.pid != suspended.pid
    assert taken.seconds < 10


def test_down_does_not_stop_the_jupyterlab_in_which_it_runs(tmp_path: Path):
    lab = f"""
import os, subprocess
from eventlab.settings import settings
from eventlab.stack import process
process.write_record(settings, "jupyter", os.getpid())
subprocess.run([{sys.executable!r}, "-m", "eventlab.cli", "down"])
"""
    environment = os.environ | {"EVENTLAB_STATE_DIR": str(tmp_path)}

    done = subprocess.run([sys.executable, "-c", lab], env=environment, capture_output=True, text=True)

    assert done.returncode == 0
    assert "jupyter not stopped, because this command runs in it" in done.stderr
    assert "Stopped: kafka, namenode, datanode, spark, api." in done.stdout


def test_a_fresh_stack_has_a_new_folder_and_no_setting_of_the_user(
    tmp_path: Path, web: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("EVENTLAB_API_PORT", "5555")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "old").touch()

    offset = free_offset()
    with fresh_stack(tmp_path / "run", [offset], [web]) as stack:
        assert stack.api_url == f"http://{HOST}:{5000 + offset}"
        assert not (tmp_path / "run" / "old").exists()
        assert http.get(stack.api_url).status_code == 200

    assert stack.open_ports([web]) == []


def test_a_second_fresh_stack_in_the_same_folder_is_refused(tmp_path: Path, web: str):
    offsets = [free_offset(), free_offset()]
    with (
        fresh_stack(tmp_path / "run", offsets, [web]) as stack,
        pytest.raises(StackError, match="another process is using"),
        fresh_stack(tmp_path / "run", offsets, [web]),
    ):
        pass

    assert stack.open_ports([web]) == []


def test_a_fresh_stack_stops_the_services_of_an_interrupted_one(tmp_path: Path, web: str):
    interrupted = free_settings(tmp_path / "run")
    (status,) = Stack(interrupted, [web]).up()
    assert status.pid

    with fresh_stack(tmp_path / "run", [interrupted.port_offset], [web]) as stack:
        assert stack.status([web])[0].pid != status.pid

    assert has_ended(status.pid)


def test_without_free_ports_there_is_no_fresh_stack(tmp_path: Path, settings: Settings, web: str):
    Stack(settings, [web]).up()

    with (
        pytest.raises(StackError, match=f"in use at each of the offsets {settings.port_offset}"),
        fresh_stack(tmp_path / "run", [settings.port_offset], [web]),
    ):
        pass
