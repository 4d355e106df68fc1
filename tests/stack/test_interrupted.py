"""A start that is interrupted or fails leaves nothing running, and its error shows the log."""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from eventlab.errors import ServiceUnavailable, StackError
from eventlab.settings import Settings
from eventlab.stack import Stack, process, requirements
from eventlab.stack.services import SERVICES, Service
from eventlab.stack.startup import start_all
from tests.helpers import Stopwatch, wait_until
from tests.stack.helpers import COURSE, STORAGE, processes_of, states, wait_for_phase

pytestmark = pytest.mark.services


@pytest.mark.parametrize(
    ("services", "signals", "phase"),
    [
        (STORAGE, [signal.SIGINT], "preparing"),
        (COURSE, [signal.SIGINT], "starting"),
        (COURSE, [signal.SIGINT, signal.SIGINT], "api ready"),
        (["kafka", "api"], [signal.SIGTERM], "starting"),
    ],
)
def test_an_interrupted_up_leaves_no_process(
    unused: Settings,
    start_eventlab,
    services: list[str],
    signals: list[int],
    phase: str,
    request: pytest.FixtureRequest,
):
    if phase == "preparing":
        request.getfixturevalue("formatters_run")
    command = start_eventlab(unused, "up", *services)
    wait_for_phase(command, phase)

    for number in signals:
        os.killpg(command.pid, number)
        time.sleep(0.2)
    _, printed = command.communicate(timeout=60)

    assert command.returncode != 0
    assert "Traceback" not in printed
    wait_until(lambda: processes_of(unused) == [], describe=lambda: processes_of(unused))  # formatters end later
    assert Stack(unused).open_ports() == []
    assert {service.state for service in Stack(unused).status()} == {"stopped"}


def test_ctrl_c_while_the_threads_of_a_start_are_started_leaves_no_process(
    unused: Settings, monkeypatch: pytest.MonkeyPatch
):
    start_thread = threading.Thread.start

    def start_on_a_busy_machine(thread: threading.Thread) -> None:
        start_thread(thread)
        time.sleep(0.2)

    def interrupt(service: str, phase: str) -> None:
        if phase == "starting":
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.5)

    monkeypatch.setattr(threading.Thread, "start", start_on_a_busy_machine)
    with pytest.raises(KeyboardInterrupt):
        start_all(unused, [service_that_never_answers("api")], interrupt)

    time.sleep(1)  # a thread that was not waited for would start its process now
    assert processes_of(unused) == []


def service_that_never_answers(name: str) -> Service:
    def probe(settings: Settings) -> None:
        raise ServiceUnavailable("it sleeps")

    return Service(
        name=name,
        label=name,
        port_settings=(),
        command=lambda settings: ["sh", "-c", f"sleep 600; : {settings.state_dir}"],
        probe=probe,
        address=lambda settings: "",
    )


@pytest.fixture
def start_and_kill(unused: Settings, start_eventlab, request: pytest.FixtureRequest) -> Callable[..., None]:
    """Return a function that kills `eventlab up` in a phase."""

    def kill(phase: str, *services: str) -> None:
        if phase == "preparing":
            request.getfixturevalue("formatters_run")
        command = start_eventlab(unused, "up", *services)
        wait_for_phase(command, phase)
        command.kill()
        command.wait()

    return kill


def test_down_ends_what_a_killed_up_started(unused: Settings, start_and_kill, eventlab):
    start_and_kill("api ready", "kafka", "namenode", "api")

    assert eventlab(unused, "down").returncode == 0

    wait_until(lambda: processes_of(unused) == [])
    assert Stack(unused).open_ports() == []


def test_up_after_a_killed_up_starts_all_services(unused: Settings, start_and_kill):
    start_and_kill("kafka starting", *STORAGE)

    Stack(unused).up(STORAGE)

    assert states(unused, *STORAGE) == ["running"] * 3
    Stack(unused, grace_s=2).down()
    wait_until(lambda: processes_of(unused) == [])


def test_down_after_a_killed_formatter_leaves_no_process_and_the_next_up_formats_again(
    unused: Settings, start_and_kill, eventlab
):
    formatted = ["kafka", "namenode"]
    start_and_kill("preparing", *formatted)

    assert eventlab(unused, "down").returncode == 0

    wait_until(lambda: processes_of(unused) == [])  # a formatter ends by itself
    assert Stack(unused).open_ports() == []
    Stack(unused).up(formatted)
    assert states(unused, *formatted) == ["running"] * 2
    Stack(unused, grace_s=2).down()
    wait_until(lambda: processes_of(unused) == [])


def test_a_service_that_ends_while_starting_is_reported_within_two_seconds_with_its_log(
    unused: Settings, tmp_path: Path
):
    died = tmp_path / "died"
    (tmp_path / "broken_api.py").write_text(
        f"import pathlib, time\n"
        f"pathlib.Path({str(died)!r}).write_text(str(time.time()))\n"
        f"raise RuntimeError('no such luck')\n"
    )
    broken = unused.model_copy(update={"api_app": tmp_path / "broken_api.py"})

    phases: list[tuple[str, str, float]] = []
    taken = Stopwatch()
    with pytest.raises(StackError) as caught:
        Stack(broken, report=lambda name, phase: phases.append((name, phase, time.time()))).up(["kafka", "api"])

    reported, speed = time.time(), taken.speed

    assert (reported - float(died.read_text())) * speed < 2 + 2  # and at most 2 s to end the others
    shown = next(time_s for name, phase, time_s in phases if name == "api" and "no such luck" in phase)
    assert (shown - float(died.read_text())) * speed < 2
    assert "api died while starting" in str(caught.value)
    assert "no such luck" in str(caught.value)
    assert "eventlab logs api" in str(caught.value)
    assert processes_of(broken) == []


def test_a_kafka_whose_data_is_damaged_is_reported_with_its_log(unused: Settings):
    SERVICES["kafka"].before_start(unused)  # it formats the folder
    properties = unused.state_dir / "data" / "kafka" / "meta.properties"
    properties.write_text(properties.read_text().replace("node.id=1", "node.id=2"))

    with pytest.raises(StackError, match="kafka died while starting") as caught:
        Stack(unused).up(["kafka"])

    assert time.time() - process.log_file(unused, "kafka").stat().st_mtime < 10
    assert "meta.properties" in str(caught.value)
    assert processes_of(unused) == []


def test_a_port_that_is_in_use_after_the_check_is_reported_with_the_log(
    unused: Settings, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(requirements, "require_free_ports", lambda settings, services: None)
    with (
        socket.create_server(("127.0.0.1", unused.kafka_port)),
        pytest.raises(StackError, match="kafka died while starting") as caught,
    ):
        Stack(unused).up(["kafka"])

    assert "Address already in use" in str(caught.value)
    assert processes_of(unused) == []


def test_a_service_that_never_answers_is_reported_with_its_log_after_the_timeout(unused: Settings, tmp_path: Path):
    (tmp_path / "slow_api.py").write_text("import time\nprint('sleeping', flush=True)\ntime.sleep(600)\n")
    slow = Settings(
        **unused.model_dump(exclude_unset=True) | {"api_app": tmp_path / "slow_api.py", "start_timeout_s": 10}
    )

    with pytest.raises(StackError, match="did not answer within 10 s") as caught:
        Stack(slow).up(["api"])

    assert "sleeping" in str(caught.value)
    assert processes_of(slow) == []
