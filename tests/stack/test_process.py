"""The process of a service is identified by its id and start time, and ended with its child processes."""

import os
import platform
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from eventlab.settings import Settings
from eventlab.stack import launcher, process
from tests.helpers import Stopwatch, suspend, wait_until

pytestmark = pytest.mark.services
READY = "import time, signal; {}; print('ready', flush=True); time.sleep(600)"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return settings of a stack that was never started."""
    return Settings(state_dir=tmp_path / "state")


def start(settings: Settings, code: str = "pass", name: str = "kafka") -> psutil.Process:
    """Start a Python program as a service, and wait until it has run `code`."""
    command = [sys.executable, "-c", READY.format(code)]
    started = process.start(settings, name, command, dict(os.environ), Path("/"))
    wait_until(lambda: "ready" in process.log_tail(settings, name))
    return started


def write_record(settings: Settings, content: str, name: str = "kafka") -> None:
    file = process.record_file(settings, name)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)


def test_a_started_service_is_found_again(settings: Settings):
    started = start(settings)

    assert process.find(settings, "kafka") == started
    process.stop(started)


def test_the_output_is_in_the_log_and_the_log_of_the_last_run_is_kept(settings: Settings):
    process.stop(start(settings, "print('first')"))
    process.stop(start(settings, "import sys; print('second', file=sys.stderr)"))

    assert "second" in process.log_file(settings, "kafka").read_text()
    assert "first" in process.log_file(settings, "kafka").with_suffix(".log.1").read_text()


def test_a_log_is_private_because_spark_writes_its_token_into_it(settings: Settings):
    process.stop(start(settings))

    assert process.log_file(settings, "kafka").stat().st_mode & 0o077 == 0


def test_a_service_outlives_the_command_that_started_it_and_has_no_terminal(settings: Settings):
    started = start(settings)

    assert os.getsid(started.pid) == started.pid
    assert started.parent() is None or started.parent().pid != os.getpid()
    process.stop(started)


def test_a_record_of_another_process_is_ignored(settings: Settings, other_process: psutil.Process):
    write_record(settings, f'{{"pid": {other_process.pid}, "since_boot": 1.0}}')

    assert process.find(settings, "kafka") is None


def test_a_record_of_a_process_that_has_ended_is_ignored(settings: Settings):
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        since_boot = launcher.since_boot(psutil.Process(ended.pid))
    write_record(settings, f'{{"pid": {ended.pid}, "since_boot": {since_boot}}}')

    assert process.find(settings, "kafka") is None


def test_a_zombie_process_has_ended(settings: Settings):
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        zombie = psutil.Process(ended.pid)
        wait_until(lambda: zombie.status() == psutil.STATUS_ZOMBIE)
        write_record(settings, f'{{"pid": {ended.pid}, "since_boot": {launcher.since_boot(zombie)}}}')

        assert process.find(settings, "kafka") is None
        assert not process.alive(zombie)


@pytest.mark.skipif(sys.platform != "linux", reason="ends one thread with a system call of Linux")
def test_a_process_whose_first_thread_has_ended_is_running_until_its_last_thread_ends(settings: Settings):
    exit_thread = {"x86_64": 60, "aarch64": 93}[platform.machine()]
    started = start(
        settings,
        "import ctypes, threading; threading.Thread(target=time.sleep, args=(600,)).start(); "
        "print('ready', flush=True); "
        f"ctypes.CDLL(None).syscall({exit_thread}, 0)",
    )
    wait_until(lambda: started.status() == psutil.STATUS_ZOMBIE)

    found = process.find(settings, "kafka")
    assert found == started
    process.stop(found)
    assert process.find(settings, "kafka") is None


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"pid": "x", "since_boot": 0}', '{"pid": 1}', "\x00"])
def test_a_damaged_record_is_ignored(settings: Settings, content: str):
    write_record(settings, content)

    assert process.find(settings, "kafka") is None


@pytest.mark.parametrize("pid", [0, -1, 2**31 - 1, 2**70])
def test_a_record_with_an_impossible_process_id_is_ignored(settings: Settings, pid: int):
    write_record(settings, f'{{"pid": {pid}, "since_boot": 0.0}}')

    assert process.find(settings, "kafka") is None


def test_a_command_that_does_not_exist_is_an_error_with_its_reason(settings: Settings):
    with pytest.raises(OSError, match="No such file"):
        process.start(settings, "kafka", ["/no/such/command"], dict(os.environ), Path("/"))


def test_a_log_folder_that_cannot_be_written_is_an_error_with_its_reason(settings: Settings):
    settings.state_dir.mkdir()
    (settings.state_dir / "logs").touch()

    with pytest.raises(OSError, match="File exists"):
        process.start(settings, "kafka", [sys.executable, "-c", ""], dict(os.environ), Path("/"))


def test_stop_ends_the_children_too(settings: Settings):
    started = start(settings, "import subprocess; subprocess.Popen(['sleep', '600'])")
    processes = [started, *started.children()]
    assert len(processes) == 2

    process.stop(started, grace_s=0.5)

    assert not any(process.alive(member) for member in processes)


def test_stop_ends_the_children_of_a_process_that_ends_at_once(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    """Between two calls of `stop`, it can end and be collected by its parent."""
    started = start(settings, "import subprocess; subprocess.Popen(['sleep', '600'])")
    (child,) = started.children()
    kill = started.kill

    def gone() -> None:
        kill()
        raise psutil.NoSuchProcess(started.pid)

    monkeypatch.setattr(started, "resume", gone)

    process.stop(started, grace_s=0.5)

    assert not process.alive(child)


def test_a_process_that_ignores_the_request_to_end_is_killed_after_the_grace(settings: Settings):
    started = start(settings, "signal.signal(signal.SIGTERM, signal.SIG_IGN)")

    taken, before = Stopwatch(), time.monotonic()
    process.stop(started, grace_s=0.5)

    assert not process.alive(started)
    assert time.monotonic() - before >= 0.5
    assert taken.seconds < 5


def test_a_suspended_process_ends_without_waiting_for_the_grace(settings: Settings):
    started = start(settings)
    suspend(started)

    taken = Stopwatch()
    process.stop(started, grace_s=20)

    assert not process.alive(started)
    assert taken.seconds < 5


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has subreapers")
def test_a_service_has_ended_although_its_parent_does_not_collect_it(settings: Settings):
    stops = f"""if True:
        import os, sys, time
        from pathlib import Path
        from eventlab.settings import Settings
        from eventlab.stack import process
        command = [sys.executable, "-c", "import time; time.sleep(600)"]
        settings = Settings(state_dir="{settings.state_dir}")
        started = process.start(settings, "kafka", command, dict(os.environ), Path("/"))
        before = time.monotonic()
        process.stop(started, grace_s=5)
        print(time.monotonic() - before)
    """
    never_collects = f"""if True:
        import ctypes, subprocess, sys
        ctypes.CDLL(None).prctl(36, 1)  # PR_SET_CHILD_SUBREAPER: orphans become its children, as process 1's do
        subprocess.run([sys.executable, "-c", {stops!r}], check=True)
    """
    taken = Stopwatch()
    done = subprocess.run([sys.executable, "-c", never_collects], capture_output=True, text=True, check=True)

    assert float(done.stdout) * taken.speed < 2


def test_a_service_does_not_inherit_the_starters_sockets(settings: Settings):
    with socket.create_server(("127.0.0.1", 0)) as server:
        os.set_inheritable(server.fileno(), True)
        started = start(settings)

    assert started.net_connections() == []
    process.stop(started)


def test_the_memory_of_a_process_counts_its_children(settings: Settings):
    started = start(
        settings,
        "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])",
    )

    assert process.resident_bytes(started) > started.memory_info().rss
    process.stop(started, grace_s=0.5)


def test_only_the_end_of_a_large_log_is_read(settings: Settings):
    log = process.log_file(settings, "kafka")
    log.parent.mkdir(parents=True)
    with log.open("wb") as file:
        file.truncate(100 * 2**20)
        file.seek(0, os.SEEK_END)
        file.write(b"\n" + b"".join(b"line %d\n" % number for number in range(50)))

    before = time.thread_time()  # other threads of the tests may compute
    tail = process.log_tail(settings, "kafka", lines=3)

    assert tail == "line 47\nline 48\nline 49"
    assert time.thread_time() - before < 0.05


def test_a_log_that_is_not_utf8_is_shown(settings: Settings):
    log = process.log_file(settings, "kafka")
    log.parent.mkdir(parents=True)
    log.write_bytes(b"caf\xe9\n")

    assert process.log_tail(settings, "kafka") == "caf�"


def test_a_service_does_not_start_after_its_starter_has_ended(settings: Settings, other_process: psutil.Process):
    record, log = process.record_file(settings, "kafka"), process.log_file(settings, "kafka")
    record.parent.mkdir(parents=True)
    log.parent.mkdir(parents=True)
    service = [sys.executable, "-c", "print('started')"]
    command_line = [sys.executable, launcher.__file__, str(other_process.pid), str(record), str(log), *service]

    done = subprocess.run(command_line, capture_output=True, text=True)

    assert done.returncode == 1
    assert "has ended" in done.stderr
    assert log.read_text() == ""
    assert not record.exists()


def test_the_frames_of_a_stack_trace_are_left_out_of_a_log():
    log = "started\nError: no such luck\n\tat kafka.Kafka.main(Kafka.scala)\n\t... 18 more\nCaused by: it\n"

    assert process.without_stack_frames(log) == "started\nError: no such luck\nCaused by: it"
