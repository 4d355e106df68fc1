"""What is acknowledged stays, what crashed comes back, and what was begun by a command that ended is ended."""

import contextlib
import gc
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from kafka import KafkaConsumer, KafkaProducer
from kafka.errors import KafkaError

from eventlab.clients import ports
from eventlab.errors import StackError
from eventlab.settings import Settings
from eventlab.stack import Stack, process, requirements
from eventlab.stack.services import SERVICES

pytestmark = pytest.mark.services

COURSE = ["kafka", "namenode", "datanode", "spark", "api"]


@pytest.fixture
def whole(own: Settings) -> Settings:
    """The module's stack with all the services of the course running."""
    Stack(own).up()
    return own


def states(settings: Settings, *names: str) -> list[str]:
    return [service.state for service in Stack(settings).status(names)]


def send(settings: Settings, *messages: bytes) -> None:
    """Send to the course's topic; returns when every message is acknowledged."""
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


def checked(answer: httpx.Response) -> httpx.Response:
    """The answer, or httpx.HTTPError with HDFS's own reason."""
    if answer.is_error:
        raise httpx.HTTPError(f"{answer.status_code} {answer.text[:500]}")
    return answer


def put_file(settings: Settings, path: str, content: bytes, timeout_s: float = 20) -> None:
    """Write a file to HDFS in WebHDFS's two steps; httpx.HTTPError when it can't be."""
    url = f"{settings.webhdfs_url}/webhdfs/v1{path}?op=CREATE&overwrite=true&blocksize=1048576&user.name=student"
    with httpx.Client(trust_env=False, timeout=timeout_s) as client:
        location = client.put(url)
        if location.status_code != httpx.codes.TEMPORARY_REDIRECT:
            checked(location)
        checked(client.put(location.headers["Location"], content=content))


def get_file(settings: Settings, path: str) -> bytes:
    url = f"{settings.webhdfs_url}/webhdfs/v1{path}?op=OPEN&user.name=student"
    return checked(httpx.get(url, follow_redirects=True, trust_env=False, timeout=20)).content


def begun_by(settings: Settings) -> list[psutil.Process]:
    """Every process with the stack's state folder in its command or its environment, whatever is on record."""
    found = []
    for candidate in psutil.process_iter():
        try:
            mentions = [*candidate.cmdline(), candidate.environ().get("EVENTLAB_STATE_DIR", "")]
        except psutil.Error:
            continue
        if candidate.pid != os.getpid() and any(str(settings.state_dir) in text for text in mentions):
            found.append(candidate)
    return found


def wait_until(true: Callable[[], object], timeout_s: float = 10) -> None:
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def read_until(command: subprocess.Popen[str], phase: str) -> None:
    """Read the command's progress until a line with the phase."""
    assert command.stderr is not None
    for line in command.stderr:
        if phase in line:
            return
    raise AssertionError(f"the command ended without {phase!r}")


def test_all_six_services_at_rest_need_at_most_two_gibibytes_as_status_shows(whole: Settings, eventlab):
    Stack(whole, SERVICES).up()

    found = json.loads(eventlab(whole, "status", "--json").stdout)

    assert [service["state"] for service in found] == ["running"] * 6
    assert sum(service["rss_bytes"] for service in found) <= 2 * 2**30
    Stack(whole).down(["jupyter"])


def test_nothing_listens_beyond_the_loopback_address(whole: Settings):
    listening = {
        (member.name(), link.laddr.ip, link.laddr.port)
        for name in COURSE
        if (own := process.find(whole, name))
        for member in [own, *own.children(recursive=True)]
        for link in member.net_connections("inet")
        if link.status == psutil.CONN_LISTEN or link.type == socket.SOCK_DGRAM
    }

    assert {ip.removeprefix("::ffff:") for _, ip, _ in listening} == {"127.0.0.1"}, listening
    wanted = {getattr(whole, port) for port in type(whole).model_fields if port.endswith("_port")}
    assert wanted - {whole.jupyter_port} <= {port for *_, port in listening}


@pytest.mark.parametrize("name", COURSE)
def test_a_service_killed_at_any_time_comes_back_with_every_event_and_file(whole: Settings, name: str):
    marks = [f"before {name} was killed {number}".encode() for number in range(50)]
    send(whole, *marks)
    put_file(whole, f"/tmp/{name}/finished", name.encode() * 1000)
    killed = process.find(whole, name)
    assert killed is not None

    killed.kill()

    wait_until(lambda: not process.alive(killed))
    assert states(whole, name) == ["crashed"]
    Stack(whole).up()
    assert states(whole, *COURSE) == ["running"] * 5
    assert [message for message in received(whole) if message in marks] == marks
    assert get_file(whole, f"/tmp/{name}/finished") == name.encode() * 1000


def test_topics_events_and_files_survive_down_and_up(whole: Settings):
    send(whole, b"kept")
    put_file(whole, "/tmp/kept", b"kept")

    Stack(whole).down()
    assert begun_by(whole) == []
    Stack(whole).up(["kafka", "namenode", "datanode"])

    assert b"kept" in received(whole)
    assert get_file(whole, "/tmp/kept") == b"kept"


def test_a_kafka_that_is_held_up_is_not_said_to_run(whole: Settings):
    held = process.find(whole, "kafka")
    assert held is not None
    os.kill(held.pid, signal.SIGSTOP)
    try:
        assert states(whole, "kafka") == ["crashed"]
    finally:
        os.kill(held.pid, signal.SIGCONT)


@pytest.fixture
def new(new_stack, tmp_path: Path) -> Iterator[Settings]:
    """A stack that never ran."""
    settings = new_stack(tmp_path / "state")
    yield settings
    Stack(settings, grace_s=2).down()


@pytest.mark.parametrize(
    ("signals", "phase"),
    [
        ([signal.SIGINT], "preparing"),
        ([signal.SIGINT], "starting"),
        ([signal.SIGINT, signal.SIGINT], "api ready"),
        ([signal.SIGTERM], "starting"),
    ],
)
def test_an_up_that_is_interrupted_leaves_nothing_behind(new: Settings, begin, signals: list[int], phase: str):
    command = begin(new, "up", *COURSE)
    read_until(command, phase)

    for number in signals:
        os.killpg(command.pid, number)
        time.sleep(0.2)
    _, said = command.communicate(timeout=20)

    assert command.returncode != 0
    assert "Traceback" not in said
    wait_until(lambda: begun_by(new) == [])  # a formatter ends by itself
    assert Stack(new).open_ports() == []
    assert {service.state for service in Stack(new).status()} == {"stopped"}


@pytest.mark.parametrize("phase", ["preparing", "kafka starting", "api ready", "kafka ready"])
def test_after_a_killed_up_down_ends_what_it_began_and_up_starts_it(new: Settings, begin, eventlab, phase: str):
    command = begin(new, "up", *COURSE)
    read_until(command, phase)
    command.kill()
    command.wait()

    assert eventlab(new, "down").returncode == 0
    wait_until(lambda: begun_by(new) == [])  # a formatter ends by itself
    assert Stack(new).open_ports() == []

    Stack(new).up(["kafka", "namenode", "datanode"])
    assert states(new, "kafka", "namenode", "datanode") == ["running"] * 3
    Stack(new, grace_s=2).down()


@pytest.mark.parametrize("phase", ["preparing", "kafka starting"])
def test_up_right_after_a_killed_up_starts_everything(new: Settings, begin, phase: str):
    command = begin(new, "up", "kafka", "namenode", "datanode")
    read_until(command, phase)
    command.kill()
    command.wait()

    Stack(new).up(["kafka", "namenode", "datanode"])

    assert states(new, "kafka", "namenode", "datanode") == ["running"] * 3
    Stack(new, grace_s=2).down()
    wait_until(lambda: begun_by(new) == [])


def test_a_service_that_dies_while_starting_is_reported_within_two_seconds_with_its_log(
    new: Settings, tmp_path: Path
):
    died = tmp_path / "died"
    (tmp_path / "broken_api.py").write_text(
        f"import pathlib, time\n"
        f"pathlib.Path({str(died)!r}).write_text(str(time.time()))\n"
        f"raise RuntimeError('no such luck')\n"
    )
    broken = new.model_copy(update={"api_app": tmp_path / "broken_api.py"})

    told: list[tuple[str, str, float]] = []
    with pytest.raises(StackError) as caught:
        Stack(broken, report=lambda name, phase: told.append((name, phase, time.time()))).up()

    reported = time.time()

    assert reported - float(died.read_text()) < 2 + 2  # and at most 2 s to end the others
    when = next(when for name, phase, when in told if name == "api" and "no such luck" in phase)
    assert when - float(died.read_text()) < 2
    assert "api died while starting" in str(caught.value)
    assert "no such luck" in str(caught.value)
    assert "eventlab logs api" in str(caught.value)
    assert begun_by(broken) == []


def test_a_kafka_whose_data_is_damaged_is_reported_with_its_log(new: Settings):
    Stack(new).up(["kafka"])
    Stack(new).down()
    properties = new.state_dir / "data" / "kafka" / "meta.properties"
    properties.write_text(properties.read_text().replace("node.id=1", "node.id=2"))

    before = time.monotonic()
    with pytest.raises(StackError, match="kafka died while starting") as caught:
        Stack(new).up(["kafka"])

    assert time.monotonic() - before < 10
    assert "meta.properties" in str(caught.value)
    assert begun_by(new) == []


def test_a_port_that_is_taken_by_a_race_is_reported_with_the_log(new: Settings, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(requirements, "require_free_ports", lambda settings, services: None)
    with (
        socket.create_server(("127.0.0.1", new.kafka_port)),
        pytest.raises(StackError, match="kafka died while starting") as caught,
    ):
        Stack(new).up(["kafka"])

    assert "Address already in use" in str(caught.value)
    assert begun_by(new) == []


def test_a_service_that_never_answers_is_given_up_with_its_log(new: Settings, tmp_path: Path):
    (tmp_path / "slow_api.py").write_text("import time\nprint('sleeping', flush=True)\ntime.sleep(600)\n")
    slow = Settings(
        **new.model_dump(exclude_unset=True) | {"api_app": tmp_path / "slow_api.py", "start_timeout_s": 3}
    )

    with pytest.raises(StackError, match="did not answer within 3 s") as caught:
        Stack(slow).up(["api"])

    assert "sleeping" in str(caught.value)
    assert begun_by(slow) == []


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A file system of a few MiB, mounted on the folder; skips the test where that is not permitted."""
    folder.mkdir(parents=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def grow(disk: Path, size: str) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", disk], check=True)


linux = pytest.mark.skipif(sys.platform != "linux" or not shutil.which("mount"), reason="needs Linux's tmpfs")


def fill_up(settings: Settings) -> list[int]:
    """Send events of half a MiB until one is not taken; the numbers of those that were acknowledged."""
    producer = KafkaProducer(
        bootstrap_servers=settings.bootstrap_servers, acks="all", delivery_timeout_ms=4000, request_timeout_ms=3000
    )
    acknowledged = []
    try:
        for number in range(1000):
            event = json.dumps({"number": number, "filling": "x" * 500_000}).encode()
            producer.send(settings.topic, event).get(timeout=6)
            acknowledged.append(number)
    except KafkaError:
        return acknowledged
    finally:
        producer.close(timeout=1)
    raise AssertionError("everything fits")


@linux
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_full_disk_loses_no_acknowledged_event(new: Settings):
    with small_disk(new.state_dir / "data", "24m") as disk:
        Stack(new).up(["kafka"])
        acknowledged = fill_up(new)
        assert acknowledged

        grow(disk, "200m")
        Stack(new).up(["kafka"])

        found = [json.loads(message)["number"] for message in received(new)]
        assert [number for number in found if number in acknowledged] == acknowledged
        send(new, b'{"number": "after"}')
        assert b'{"number": "after"}' in received(new)
        Stack(new).down()
        gc.collect()  # kafka-python forgets sockets that did not connect


@linux
def test_a_full_disk_loses_no_finished_file(new: Settings):
    with small_disk(new.state_dir / "data", "64m") as disk:
        Stack(new).up(["namenode", "datanode"])
        put_file(new, "/tmp/finished", b"finished")
        fill(disk / "junk")
        with pytest.raises(httpx.HTTPError):
            put_file(new, "/tmp/too-large", bytes(10 * 2**20))

        (disk / "junk").unlink()
        Stack(new).up(["namenode", "datanode"])

        assert get_file(new, "/tmp/finished") == b"finished"
        wait_until(lambda: writes(new), timeout_s=30)
        Stack(new).down()


def fill(junk: Path) -> None:
    """Write to the file until there is no space left."""
    with contextlib.suppress(OSError), junk.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(2**16))


def writes(settings: Settings) -> bool:
    try:
        put_file(settings, "/tmp/after", b"after")
    except httpx.HTTPError:
        return False
    return get_file(settings, "/tmp/after") == b"after"


def test_after_all_this_no_port_of_the_modules_stack_is_open(own: Settings):
    Stack(own).down()

    assert Stack(own).open_ports() == []
    assert begun_by(own) == []
    assert ports.is_free(own.kafka_port)
